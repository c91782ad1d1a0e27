//! `sizes.json`: the sizes of an environment's relations, for who has no database. It is committed: a line for each relation, in
//! the order of names, and numbers of two digits, so that it changes when a table has grown and not because of a few rows.
//!
//! There is one file. It names the environment that it is of: that with the largest tables is the one to commit.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Failure};
use crate::plain_file;
use crate::snapshot::Size;

/// The name of the file, in the directory of the project.
pub(crate) const SIZES_FILE: &str = "sizes.json";

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedSizes {
    /// The environment; `None` where none was named.
    pub(crate) environment: Option<String>,
    /// The day, in UTC: `2026-11-30`.
    pub(crate) day: String,
    /// The sizes by qualified and quoted names; `None` where a relation was never analyzed.
    pub(crate) relations: BTreeMap<String, Option<Size>>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizesDocument {
    environment: Option<String>,
    day: String,
    relations: Vec<SizedRelation>,
}

/// A line of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SizedRelation {
    relation: String,
    rows: Option<u64>,
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    index_bytes: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    partitioned: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl RecordedSizes {
    /// Reads the file of a project; `None` where it has none.
    ///
    /// # Errors
    /// Exit 2.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, Failure> {
        let wrong = |why: String| {
            Failure::usage(format!("{SIZES_FILE}: {why}"))
                .code(ErrorCode::SIZES_INVALID)
                .next("write it again: trueup sizes --env NAME")
        };
        let Some(file) = plain_file::open(&directory.join(SIZES_FILE))? else { return Ok(None) };
        let mut text = String::new();
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        Self::parse(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }

    fn parse(text: &str) -> serde_json::Result<Self> {
        let SizesDocument { environment, day, relations } = serde_json::from_str(text)?;
        let sized = |line: SizedRelation| {
            let SizedRelation { relation, rows, bytes, index_bytes, partitioned } = line;
            let size = rows.zip(bytes).map(|(rows, bytes)| Size { rows, bytes, index_bytes, partitioned });
            (relation, size)
        };
        Ok(Self { environment, day, relations: relations.into_iter().map(sized).collect() })
    }

    /// The text of the file.
    pub(crate) fn to_text(&self) -> String {
        let json = |value: &Option<String>| serde_json::json!(value).to_string();
        let line = |(relation, size): (&String, &Option<Size>)| {
            let line = SizedRelation {
                relation: relation.clone(),
                rows: size.map(|size| two_digits(size.rows)),
                bytes: size.map(|size| two_digits(size.bytes)),
                index_bytes: size.map_or(0, |size| two_digits(size.index_bytes)),
                partitioned: size.is_some_and(|size| size.partitioned),
            };
            serde_json::to_string(&line).unwrap_or_default()
        };
        let lines: Vec<String> = self.relations.iter().map(line).collect();
        let relations = match lines.as_slice() {
            [] => "[]".to_owned(),
            lines => format!("[\n{}\n]", lines.join(",\n")),
        };
        let (environment, day) = (json(&self.environment), json(&Some(self.day.clone())));
        format!("{{\"environment\": {environment},\n\"day\": {day},\n\"relations\": {relations}}}\n")
    }

    /// Writes the file of a project.
    ///
    /// # Errors
    /// Exit 2.
    pub(crate) fn save(&self, directory: &Path) -> Result<(), Failure> {
        plain_file::replace(&directory.join(SIZES_FILE), &self.to_text())
            .map_err(|error| Failure::usage(format!("{SIZES_FILE}: cannot be written: {error}")))
    }
}

/// A number without all but its first two digits, rounded.
fn two_digits(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    (number / unit + u64::from(number % unit * 2 >= unit && unit > 1)).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits() {
        for (number, rounded) in
            [(0, 0), (99, 99), (104, 100), (105, 110), (995, 1000), (41_234_567, 41_000_000)]
        {
            assert_eq!(two_digits(number), rounded);
        }
        assert_eq!(two_digits(u64::MAX), 18_000_000_000_000_000_000);
    }

    #[test]
    fn what_is_written_is_read_and_written_the_same() {
        let large = Size { rows: 41_234_567, bytes: 9_345_678_901, index_bytes: 0, partitioned: false };
        let parted = Size { index_bytes: 2_100_000_000, partitioned: true, ..large };
        let relations = [("public.b", Some(large)), ("public.\"A\"", None), ("public.p", Some(parted))];
        let recorded = RecordedSizes {
            environment: Some("production".to_owned()),
            day: "2026-11-30".to_owned(),
            relations: relations.map(|(name, size)| (name.to_owned(), size)).into(),
        };
        let text = "{\"environment\": \"production\",\n\"day\": \"2026-11-30\",\n\"relations\": [\n\
            {\"relation\":\"public.\\\"A\\\"\",\"rows\":null,\"bytes\":null},\n\
            {\"relation\":\"public.b\",\"rows\":41000000,\"bytes\":9300000000},\n\
            {\"relation\":\"public.p\",\"rows\":41000000,\"bytes\":9300000000,\"index_bytes\":2100000000,\"partitioned\":true}\n]}\n";
        assert_eq!(recorded.to_text(), text);
        assert_eq!(RecordedSizes::parse(text).expect("reads").to_text(), text);
        let none = RecordedSizes { environment: None, relations: BTreeMap::new(), ..recorded };
        assert_eq!(RecordedSizes::parse(&none.to_text()).expect("reads"), none);
    }
}
