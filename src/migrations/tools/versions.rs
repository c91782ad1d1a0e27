//! Versions as trueup has them, whole numbers that rise, for the revisions of another tool.

/// The longest number that every bigint can hold.
const DIGITS: usize = 18;
/// The digits of a timestamp; a date alone has 8.
const TIMESTAMP: usize = 14;
const DATE: usize = 8;

/// The numbers of revisions, which are in the order in which they are run. A number that the revision begins with is kept
/// where the order allows it; dotted versions become one number with two digits for each part; anything else is counted.
pub fn number(revisions: &[&str]) -> Vec<i64> {
    if let Some(numbers) = dotted(revisions) {
        return numbers;
    }
    let mut last = 0;
    let next = |revision: &&str| {
        last = numbers_of(revision).into_iter().find(|number| *number > last).unwrap_or(last + 1);
        last
    };
    revisions.iter().map(next).collect()
}

/// The numbers that a revision stands for, the best one first: its own, and that of a date with a time of day. Of a timestamp
/// with more digits the first 14 come first: new migrations will have no more.
pub(super) fn numbers_of(revision: &str) -> Vec<i64> {
    let digits: String = revision.chars().take_while(char::is_ascii_digit).collect();
    let kept = &digits[..digits.len().min(DIGITS)];
    let Ok(number) = kept.parse::<i64>() else { return Vec::new() };
    let short = (kept.len() > TIMESTAMP && is_date(kept)).then(|| kept[..TIMESTAMP].to_owned());
    let long = (kept.len() == DATE && is_date(kept)).then(|| format!("{kept:0<TIMESTAMP$}"));
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok());
    parsed(short).into_iter().chain([number]).chain(parsed(long)).collect()
}

/// The versions that [`number`] may have given a revision, whatever the others were; the likeliest first.
pub fn versions_of(revision: &str) -> Vec<i64> {
    let numbers = if revision.contains('.') { Vec::new() } else { numbers_of(revision) };
    let dotted = parts_of(revision).map(|version| (2..=4).filter_map(move |parts| joined(&version, parts)));
    numbers.into_iter().chain(dotted.into_iter().flatten()).collect()
}

/// Whether digits begin with a year and a month.
fn is_date(digits: &str) -> bool {
    let month = digits.get(4..6).and_then(|month| month.parse().ok());
    (digits.starts_with("19") || digits.starts_with("20"))
        && month.is_some_and(|month: u8| (1..=12).contains(&month))
}

/// `1`, `1.1`, `2.0.3` as 10000, 10100, 20003; `None` where none has a dot, or a part does not fit.
fn dotted(revisions: &[&str]) -> Option<Vec<i64>> {
    let versions: Vec<Vec<i64>> = revisions.iter().map_while(|revision| parts_of(revision)).collect();
    let parts = versions.iter().map(Vec::len).max().filter(|parts| *parts > 1)?;
    let mut numbers: Vec<i64> =
        versions.iter().map(|version| joined(version, parts)).collect::<Option<_>>()?;
    let mut last = numbers.last().copied().unwrap_or_default();
    // Repeatable ones come last, under names.
    numbers.extend(revisions[versions.len()..].iter().map(|_| {
        last += 1;
        last
    }));
    numbers.windows(2).all(|pair| pair[0] < pair[1]).then_some(numbers)
}

/// The numbers of a version, `2.0.3`; `None` for anything else.
fn parts_of(version: &str) -> Option<Vec<i64>> {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version.split('.').map(|part| Some(part).filter(is_number)?.parse().ok()).collect()
}

/// A version as a number with two digits for each part after the first; `None` where one does not fit.
fn joined(version: &[i64], parts: usize) -> Option<i64> {
    if version.len() > parts || version[1..].iter().any(|part| *part > 99) {
        return None;
    }
    let all = version.iter().copied().chain(std::iter::repeat(0)).take(parts);
    all.reduce(|number, part| number.saturating_mul(100).saturating_add(part))
        .filter(|number| *number < i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_known_again() {
        for revisions in [&["1", "1.1", "2.0.3"][..], &["1", "1.1", "2"], &["20200101", "20200102030405"]] {
            for (revision, number) in revisions.iter().zip(number(revisions)) {
                assert!(versions_of(revision).contains(&number), "{revision} {number}");
            }
        }
        assert!(!versions_of("1.1").contains(&1));
        assert_eq!(versions_of("users"), [0; 0]);
    }

    #[test]
    fn numbers_rise_and_are_kept_where_that_allows_it() {
        assert_eq!(number(&["1", "2", "10"]), [1, 2, 10]);
        assert_eq!(
            number(&["20191231235959", "20200101", "20200102030405"]),
            [20_191_231_235_959, 20_200_101_000_000, 20_200_102_030_405]
        );
        assert_eq!(number(&["1", "1", "2"]), [1, 2, 3], "one version twice");
        assert_eq!(number(&["1", "1.1", "2.0.3", "views"]), [10_000, 10_100, 20_003, 20_004]);
        assert_eq!(number(&["1.100", "1.2"]).len(), 2);
        assert_eq!(number(&["users", "keys"]), [1, 2]);
        let counted = ["20251229110242", "202512291102430001", "20260120162913"];
        assert_eq!(number(&counted), [20_251_229_110_242, 20_251_229_110_243, 20_260_120_162_913]);
        assert_eq!(
            number(&["99999999999999999999", "99999999999999999999_b"]),
            [999_999_999_999_999_999, 1_000_000_000_000_000_000]
        );
        assert_eq!(
            number(&["20260102030405_init", "20260103030405_more"]),
            [20_260_102_030_405, 20_260_103_030_405]
        );
    }
}
