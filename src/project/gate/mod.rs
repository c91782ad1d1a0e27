//! The section `[gate]` of `trueup.toml`: how much time a gate has, which of its sections may stop a deploy, and where their
//! limits are.

mod around;
mod levels;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::TomlTable;
use around::around;
pub use around::{AroundSettings, AttestSettings, EvidenceSettings, GateCommand, RequiredVariable};
pub use levels::{GateLevel, SectionName};
pub use variables::{KnownSecrets, RequiredValue, VariableState};

/// The settings in `[gate]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSettings {
    /// How long all sections together may take.
    pub deadline: Duration,
    /// Which differences stop a deploy.
    pub drift: DriftScope,
    /// The oldest backup that is enough; `None` where a backup that an upgrade takes is enough.
    pub max_backup_age: Option<Duration>,
    /// A lock on a relation with fewer rows than this stops no deploy.
    pub hazard_rows: u64,
    /// A lock on a relation with fewer bytes than this stops no deploy.
    pub hazard_bytes: u64,
    /// A transaction that is younger than this is no reason to wait.
    pub max_transaction_age: Duration,
    /// The record that `trueup rehearse --record` writes; `None` where no rehearsal is asked for.
    pub rehearsal_record: Option<PathBuf>,
    /// Variables, commands, results of tests, and people.
    pub around: AroundSettings,
    levels: BTreeMap<SectionName, GateLevel>,
}

/// Which differences between the database and its declared schema stop a deploy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DriftScope {
    /// Those that a pending migration or the declared schema meets.
    #[default]
    Touching,
    /// All that are warnings or errors.
    All,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            drift: DriftScope::default(),
            max_backup_age: None,
            hazard_rows: 100_000,
            hazard_bytes: 100 << 20,
            max_transaction_age: Duration::from_secs(60),
            rehearsal_record: None,
            around: AroundSettings::default(),
            levels: BTreeMap::new(),
        }
    }
}

impl GateSettings {
    /// The configured level of a section; `None` where the project says nothing.
    pub fn level(&self, section: SectionName) -> Option<GateLevel> {
        self.levels.get(&section).copied()
    }
}

/// Where `trueup rehearse --record` is expected to write, unless `[gate.rehearsal] record` says otherwise.
const RECORD: &str = "rehearsal.json";

/// The words for the scopes of drift.
const SCOPES: [(&str, DriftScope); 2] = [("touching", DriftScope::Touching), ("all", DriftScope::All)];

pub(super) fn gate(table: TomlTable<'_, '_>) -> Result<GateSettings, Failure> {
    const AGE: &str = "an age such as \"12h\" or \"7d\"";
    const SIZE: &str = "a size such as \"500MB\" or \"10GB\"";
    let default = GateSettings::default();
    let mut settings = GateSettings {
        deadline: table
            .read("deadline", "a duration above zero such as \"30s\"", |value| {
                value.as_str().and_then(sql::duration).filter(|deadline| !deadline.is_zero())
            })?
            .unwrap_or(default.deadline),
        max_backup_age: table.read("max_backup_age", AGE, |value| value.as_str().and_then(sql::age))?,
        hazard_rows: table
            .integer("hazard_rows", 0..=u32::MAX, "a number of rows")?
            .map_or(default.hazard_rows, u64::from),
        hazard_bytes: table
            .read("hazard_size", SIZE, |value| value.as_str().and_then(bytes))?
            .unwrap_or(default.hazard_bytes),
        max_transaction_age: table
            .read("max_transaction_age", DURATION, |value| value.as_str().and_then(sql::duration))?
            .unwrap_or(default.max_transaction_age),
        around: around(&table)?,
        ..default
    };
    for name in SectionName::ALL {
        // Of drift the scope alone may be said: drift = "all".
        if name == SectionName::Drift && table.raw(name.word()).is_some_and(|value| value.get_ref().is_str())
        {
            settings.drift = table.one_of(name.word(), &SCOPES)?.unwrap_or_default();
            continue;
        }
        // Its level is in each of its entries: `[[gate.evidence]]` is no table.
        if name == SectionName::Evidence {
            continue;
        }
        let Some(section) = table.section(name.word())? else { continue };
        if let Some(level) = section.one_of("level", &GateLevel::WORDS)? {
            if name == SectionName::Identity && level != GateLevel::Block {
                return Err(section.error_at("level", "a wrong database always stops a deploy"));
            }
            settings.levels.insert(name, level);
        }
        if name == SectionName::Drift {
            settings.drift = section.one_of("scope", &SCOPES)?.unwrap_or_default();
        }
        if name == SectionName::Rehearsal {
            let record = section.string("record")?.unwrap_or_else(|| RECORD.to_owned());
            settings.rehearsal_record = Some(record.into());
        }
        section.finish()?;
    }
    table.finish()?;
    Ok(settings)
}

/// Reads a size as PostgreSQL writes it: a whole number and kB, MB, GB or TB.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|found: char| !found.is_ascii_digit())?;
    let unit = match text[digits..].trim_start() {
        "kB" => 10,
        "MB" => 20,
        "GB" => 30,
        "TB" => 40,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::ProjectFile;

    fn read(text: &str) -> Result<GateSettings, Failure> {
        ProjectFile::parse("trueup.toml", text).map(|file| file.gate)
    }

    #[test]
    fn every_key_is_read() {
        let text = "[gate]\ndeadline = \"10s\"\ndrift = \"all\"\nmax_backup_age = \"2d\"\nhazard_rows = 5\n\
                    hazard_size = \"3 MB\"\nmax_transaction_age = \"2min\"\n[gate.data]\nlevel = \"warn\"\n\
                    [gate.replicas]\nlevel = \"off\"\n[gate.rehearsal]\nrecord = \"ci/r.json\"\n";
        let found = read(text).unwrap();
        assert_eq!((found.deadline, found.drift), (Duration::from_secs(10), DriftScope::All));
        assert_eq!((found.max_backup_age, found.hazard_rows), (Some(Duration::from_secs(172_800)), 5));
        assert_eq!((found.hazard_bytes, found.max_transaction_age), (3 << 20, Duration::from_secs(120)));
        assert_eq!(found.level(SectionName::Data), Some(GateLevel::Warn));
        assert_eq!(found.level(SectionName::Replicas), Some(GateLevel::Off));
        assert_eq!(found.level(SectionName::Drift), None);
        assert_eq!(found.rehearsal_record, Some("ci/r.json".into()));
        let rehearsal = read("[gate.rehearsal]\n").unwrap().rehearsal_record;
        let drift = read("[gate.drift]\nscope = \"all\"\nlevel = \"warn\"\n").unwrap();
        assert_eq!((drift.drift, drift.level(SectionName::Drift)), (DriftScope::All, Some(GateLevel::Warn)));
        assert_eq!((rehearsal, read("").unwrap()), (Some(RECORD.into()), GateSettings::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, wanted) in [
            ("[gate]\nx = 1", "trueup.toml:2: unknown key \"x\" in [gate]"),
            ("[gate]\ndeadlin = \"1s\"", "did you mean \"deadline\"?"),
            ("[gate]\ndeadline = \"0s\"", "gate.deadline: expected a duration above zero"),
            ("[gate]\ndrift = \"some\"", "gate.drift: expected \"touching\" or \"all\""),
            ("[gate]\nhazard_size = \"3 MiB\"", "gate.hazard_size: expected a size such as"),
            ("[gate.dat]\nlevel = \"off\"", "did you mean \"data\"?"),
            ("[gate.data]\nlevels = \"off\"", "trueup.toml:2: unknown key \"levels\" in [gate.data]"),
            ("[gate.data]\nlevel = \"no\"", "gate.data.level: expected \"block\", \"warn\" or \"off\""),
            ("[gate.identity]\nlevel = \"warn\"", "gate.identity.level: a wrong database always stops"),
        ] {
            let failure = read(text).unwrap_err();
            let said = format!("{} | {}", failure.what, failure.next);
            assert!(said.contains(wanted), "{text}\n{said}");
        }
    }
}
