//! Decides which backups may be removed. Pure.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::manifest::{Manifest, ProofLevel};

/// `[backup] keep_last`, `keep_daily`, `keep_weekly` and `max_age`. A backup is kept when any rule keeps it; without
/// any rule all backups are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Keeps this many of the newest backups.
    pub last: Option<u32>,
    /// Keeps the newest backup of each of this many days that have one.
    pub daily: Option<u32>,
    /// Keeps the newest backup of each of this many weeks that have one.
    pub weekly: Option<u32>,
    /// Removes older backups, even those that another rule keeps.
    pub max_age: Option<Duration>,
}

const DAY: u64 = 24 * 3600;

/// The backups of one database that may be removed. Both lists have the oldest backup first. The newest backup is
/// never among them, nor the newest one that was read in full.
pub fn prunable<'m>(backups: &[&'m Manifest], keep: RetentionPolicy, now: SystemTime) -> Vec<&'m Manifest> {
    if keep == RetentionPolicy::default() {
        return Vec::new();
    }
    let seconds = |manifest: &Manifest| {
        let taken = humantime::parse_rfc3339(&manifest.taken_at).ok()?;
        Some(taken.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
    };
    let newest = || backups.iter().rev().copied();
    let mut stay: BTreeSet<&str> = newest().take(1).map(|manifest| manifest.id.as_str()).collect();
    let proved = |manifest: &&Manifest| {
        manifest
            .verified
            .as_ref()
            .is_some_and(|verified| verified.how >= ProofLevel::Contents || manifest.reference.is_some())
    };
    stay.extend(newest().find(proved).map(|manifest| manifest.id.as_str()));
    // A backup whose time cannot be read is kept.
    stay.extend(newest().filter(|manifest| seconds(manifest).is_none()).map(|manifest| manifest.id.as_str()));
    let mut wanted: BTreeSet<&str> =
        newest().take(keep.last.unwrap_or(0) as usize).map(|manifest| manifest.id.as_str()).collect();
    // 1970-01-01 was a Thursday; weeks begin on Monday.
    for (count, length, offset) in [(keep.daily, DAY, 0), (keep.weekly, 7 * DAY, 3 * DAY)] {
        let mut seen = BTreeSet::new();
        for manifest in newest() {
            let Some(at) = seconds(manifest) else { continue };
            if seen.len() < count.unwrap_or(0) as usize && seen.insert((at + offset) / length) {
                wanted.insert(&manifest.id);
            }
        }
    }
    let rules = keep.last.is_some() || keep.daily.is_some() || keep.weekly.is_some();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let too_old = |manifest: &Manifest| {
        keep.max_age.is_some_and(|most| seconds(manifest).is_some_and(|at| at + most.as_secs() < now))
    };
    let goes = |manifest: &&&Manifest| {
        let id = manifest.id.as_str();
        !stay.contains(id) && (too_old(manifest) || rules && !wanted.contains(id))
    };
    backups.iter().filter(goes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::manifest;
    use super::*;

    fn going(keep: RetentionPolicy, backups: &[Manifest], now: &str) -> Vec<String> {
        let backups: Vec<&Manifest> = backups.iter().collect();
        let now = humantime::parse_rfc3339(now).unwrap();
        prunable(&backups, keep, now).iter().map(|manifest| manifest.id.clone()).collect()
    }

    fn backups() -> Vec<Manifest> {
        let moments = [
            "2026-01-04T23:00:00Z", // a Sunday
            "2026-01-05T01:00:00Z", // a Monday
            "2026-01-05T13:00:00Z",
            "2026-01-06T01:00:00Z",
            "2026-01-06T13:00:00Z",
        ];
        moments.iter().enumerate().map(|(number, at)| manifest(&number.to_string(), at)).collect()
    }

    #[test]
    fn without_a_rule_all_stay() {
        assert_eq!(
            going(RetentionPolicy::default(), &backups(), "2030-01-01T00:00:00Z"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn any_rule_that_wants_a_backup_keeps_it() {
        let now = "2026-01-06T14:00:00Z";
        let last = |last| RetentionPolicy { last: Some(last), ..RetentionPolicy::default() };
        assert_eq!(going(last(2), &backups(), now), ["0", "1", "2"]);
        let daily = RetentionPolicy { daily: Some(2), ..RetentionPolicy::default() };
        assert_eq!(going(daily, &backups(), now), ["0", "1", "3"]);
        let weekly = RetentionPolicy { weekly: Some(2), ..RetentionPolicy::default() };
        assert_eq!(going(weekly, &backups(), now), ["1", "2", "3"]);
        let both = RetentionPolicy { last: Some(2), weekly: Some(2), ..RetentionPolicy::default() };
        assert_eq!(going(both, &backups(), now), ["1", "2"]);
    }

    #[test]
    fn age_wins_over_wishes_and_the_newest_stays_whatever_its_age() {
        let keep = RetentionPolicy {
            last: Some(4),
            max_age: Some(Duration::from_secs(24 * 3600)),
            ..RetentionPolicy::default()
        };
        assert_eq!(going(keep, &backups(), "2026-01-06T14:00:00Z"), ["0", "1", "2"]);
        assert_eq!(going(keep, &backups(), "2030-01-01T00:00:00Z"), ["0", "1", "2", "3"]);
    }

    #[test]
    fn the_newest_that_was_proved_stays() {
        let mut backups = backups();
        for unproved in &mut backups[2..] {
            unproved.verified = None;
        }
        let keep = RetentionPolicy { last: Some(1), ..RetentionPolicy::default() };
        assert_eq!(going(keep, &backups, "2026-01-06T14:00:00Z"), ["0", "2", "3"]);
    }
}
