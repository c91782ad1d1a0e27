//! Plans the changes to the rows of one table, from what was seeded last, what is declared, and what the database
//! has. It decides column by column: a changed declaration is applied, a manual edit is reported and kept. Pure.
//!
//! A column that was declared after its row had been seeded has no seeded value. NULL and the default of the column
//! are overwritten by the declaration. Any other value is kept, and is reported separately from edits, because nobody
//! knows where it comes from.

use std::collections::{BTreeMap, HashMap};

use super::file::{Seed, SeedMode};
use super::query::{ColumnTexts, SeedQuery, SeedQueryRow};
use crate::error::Failure;

/// The planned changes to a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablePlan {
    /// The rows that differ from the declaration or from what is recorded as seeded, in the order of the file.
    pub rows: Vec<RowPlan>,
    /// The keys of the existing rows that were seeded once and are not declared any more, each as a JSON array of texts.
    pub no_longer_declared: Vec<String>,
    /// The number of declared rows.
    pub declared: usize,
}

/// The planned change to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlan {
    /// The position of the row in the file, from 0.
    pub row: usize,
    /// The values of the key as texts, as a JSON array.
    pub key: String,
    /// Whether the row does not exist, and is inserted.
    pub missing: bool,
    /// Whether the row was seeded before.
    pub was_seeded: bool,
    /// The columns that are updated.
    pub changes: Vec<ColumnDifference>,
    /// The columns that were edited manually; they are kept.
    pub edits: Vec<ColumnDifference>,
    /// The columns that were never seeded and whose value is of unknown origin; they are kept.
    pub unseeded: Vec<ColumnDifference>,
    /// What is recorded as seeded; `None` when the record is right already.
    pub record: Option<ColumnTexts>,
    /// The declared values, as the server prints them.
    pub declared: ColumnTexts,
    /// `xmin` of the row when it was planned.
    pub xmin: Option<String>,
}

/// A column whose value differs from the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDifference {
    /// The name of the column.
    pub column: String,
    /// The value in the database; `None` for NULL.
    pub actual: Option<String>,
    /// The declared value; `None` for NULL.
    pub declared: Option<String>,
}

impl RowPlan {
    /// The differing columns that are kept.
    pub fn skipped(&self) -> impl Iterator<Item = &ColumnDifference> {
        self.edits.iter().chain(&self.unseeded)
    }
}

impl TablePlan {
    /// The number of rows that are inserted.
    pub fn inserts(&self) -> usize {
        self.rows.iter().filter(|row| row.missing).count()
    }

    /// The number of rows that are updated.
    pub fn updates(&self) -> usize {
        self.rows.iter().filter(|row| !row.changes.is_empty()).count()
    }

    /// The rows with manual edits.
    pub fn edited(&self) -> impl Iterator<Item = &RowPlan> {
        self.rows.iter().filter(|row| !row.edits.is_empty())
    }

    /// The rows with differing columns that were never seeded.
    pub fn unseeded(&self) -> impl Iterator<Item = &RowPlan> {
        self.rows.iter().filter(|row| !row.unseeded.is_empty())
    }

    /// Whether some rows keep values that differ from the declaration.
    pub fn skips_any(&self) -> bool {
        self.rows.iter().any(|row| row.skipped().next().is_some())
    }

    /// Whether no row is inserted or updated.
    pub fn changes_nothing(&self) -> bool {
        self.inserts() + self.updates() == 0
    }

    /// Whether there is nothing to write, not even a record.
    pub fn is_empty(&self) -> bool {
        self.changes_nothing() && self.rows.iter().all(|row| row.record.is_none())
    }

    /// Whether every change of this plan is also in `other`.
    pub fn is_part_of(&self, other: &Self) -> bool {
        let known: HashMap<&str, &RowPlan> = other.rows.iter().map(|row| (row.key.as_str(), row)).collect();
        self.rows.iter().filter(|row| row.missing || !row.changes.is_empty()).all(|row| {
            known.get(row.key.as_str()).is_some_and(|known| {
                known.missing == row.missing
                    && row.changes.iter().all(|change| known.changes.contains(change))
            })
        })
    }
}

/// Plans the changes to a table. `defaults` are those of [`super::defaults`]. With `overwrite` the declaration is
/// applied to edited columns, too.
///
/// # Errors
/// Exit 2: two declared rows have the same key to the server.
pub fn plan(
    query: &SeedQuery,
    answers: &[SeedQueryRow],
    defaults: &BTreeMap<String, String>,
    overwrite: bool,
) -> Result<TablePlan, Failure> {
    let seed: &Seed = &query.seed;
    let mut plan = TablePlan { declared: query.len(), ..TablePlan::default() };
    for answer in answers {
        let Some(number) = answer.row else {
            plan.no_longer_declared.push(answer.key.clone());
            continue;
        };
        if answer.duplicate {
            let row = &seed.rows[number];
            let what = format!("{}: another row of the file has the same key", label(seed, &answer.key));
            return Err(row.error_at(row.line, what));
        }
        plan.rows.push(row_plan(seed.mode, number, answer, defaults, overwrite));
    }
    plan.rows.sort_by_key(|row| row.row);
    plan.no_longer_declared.sort();
    Ok(plan)
}

fn row_plan(
    mode: SeedMode,
    number: usize,
    answer: &SeedQueryRow,
    defaults: &BTreeMap<String, String>,
    overwrite: bool,
) -> RowPlan {
    let mut row = RowPlan {
        row: number,
        key: answer.key.clone(),
        missing: answer.current.is_none(),
        was_seeded: answer.seeded.is_some(),
        changes: Vec::new(),
        edits: Vec::new(),
        unseeded: Vec::new(),
        record: None,
        declared: answer.declared.clone(),
        xmin: answer.xmin.clone(),
    };
    let Some(current) = &answer.current else {
        row.record = Some(answer.declared.clone());
        return row;
    };
    if mode == SeedMode::Insert {
        return row;
    }
    let mut record = answer.declared.clone();
    for (column, declared) in &answer.declared {
        let actual = current.get(column).cloned().flatten();
        if actual == *declared {
            continue;
        }
        let seeded = answer.seeded.as_ref().and_then(|seeded| seeded.get(column));
        let difference =
            ColumnDifference { column: column.clone(), actual: actual.clone(), declared: declared.clone() };
        // The column was declared after the row had been seeded.
        let is_new = answer.seeded.is_some() && seeded.is_none();
        let is_default = |actual| defaults.get(column).is_some_and(|default| is_made_by(actual, default));
        let is_untouched = actual.as_deref().is_none_or(is_default);
        if overwrite || seeded == Some(&actual) || is_new && is_untouched {
            row.changes.push(difference);
            continue;
        }
        if is_new {
            // It is not recorded as seeded: from then on it would count as edited.
            record.remove(column);
            row.unseeded.push(difference);
            continue;
        }
        row.edits.push(difference);
        // The record keeps the value that was seeded. A value that was never seeded is recorded as declared, so that
        // the column stays an edit.
        if let Some(seeded) = seeded {
            record.insert(column.clone(), seeded.clone());
        }
    }
    row.record = (answer.seeded.as_ref() != Some(&record)).then_some(record);
    row
}

/// Whether a default produced this value. A column of `numeric(12,2)` prints 0 as 0.00.
fn is_made_by(actual: &str, default: &str) -> bool {
    let whole = |number: &str| match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => number.to_owned(),
    };
    let is_number = |text: &str| {
        let digits = text.trim_start_matches('-');
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    actual == default || is_number(actual) && is_number(default) && whole(actual) == whole(default)
}

/// The key of a row for people: `public_id=6f1c2a34, region=eu`.
pub(super) fn label(seed: &Seed, key: &str) -> String {
    let values: Vec<String> = serde_json::from_str(key).unwrap_or_default();
    let pairs = seed.key.value.iter().zip(values).map(|(column, value)| format!("{column}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

impl SeedQuery {
    /// The name of a row for people: `public.organizations[public_id=6f1c2a34]`.
    pub fn label(&self, key: &str) -> String {
        format!("{}[{}]", self.columns.path(), label(&self.seed, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> ColumnTexts {
        pairs.iter().map(|(column, text)| ((*column).to_owned(), Some((*text).to_owned()))).collect()
    }

    fn planned(
        current: Option<&[(&str, &str)]>,
        seeded: Option<&[(&str, &str)]>,
        overwrite: bool,
    ) -> RowPlan {
        let answer = SeedQueryRow {
            row: Some(0),
            key: "[\"1\"]".into(),
            current: current.map(texts),
            declared: texts(&[("id", "1"), ("name", "new"), ("note", "n")]),
            seeded: seeded.map(texts),
            xmin: None,
            duplicate: false,
        };
        let defaults = BTreeMap::from([("note".to_owned(), "usual".to_owned())]);
        row_plan(SeedMode::Upsert, 0, &answer, &defaults, overwrite)
    }

    fn columns(differences: &[ColumnDifference]) -> Vec<&str> {
        differences.iter().map(|difference| difference.column.as_str()).collect()
    }

    const NEW: &[(&str, &str)] = &[("id", "1"), ("name", "new"), ("note", "n")];
    const OLD: &[(&str, &str)] = &[("id", "1"), ("name", "old"), ("note", "n")];
    const EDITED: &[(&str, &str)] = &[("id", "1"), ("name", "edited"), ("note", "n")];

    #[test]
    fn a_missing_row_is_made_and_recorded() {
        let row = planned(None, None, false);
        assert_eq!((row.missing, row.record), (true, Some(texts(NEW))));
    }

    #[test]
    fn a_row_as_declared_is_left_alone() {
        let row = planned(Some(NEW), Some(NEW), false);
        assert!(row.changes.is_empty() && row.edits.is_empty() && row.record.is_none());
        // A row that happens to be as declared is recorded, so that a later declaration is compared with it.
        assert_eq!(planned(Some(NEW), None, false).record, Some(texts(NEW)));
        assert_eq!(planned(Some(NEW), Some(OLD), false).record, Some(texts(NEW)));
    }

    #[test]
    fn a_new_declaration_is_carried_out() {
        let row = planned(Some(OLD), Some(OLD), false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec!["name"], vec![]));
        assert_eq!(row.record, Some(texts(NEW)));
    }

    #[test]
    fn an_edit_is_told_and_its_record_stays() {
        let row = planned(Some(EDITED), Some(OLD), false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec![], vec!["name"]));
        assert_eq!(row.record, None);
        let row = planned(Some(EDITED), None, false);
        assert_eq!(columns(&row.edits), ["name"]);
        assert_eq!(row.record, Some(texts(NEW)));
        assert_eq!(columns(&planned(Some(EDITED), Some(NEW), false).edits), ["name"], "it stays one");
    }

    #[test]
    fn a_column_that_is_declared_later_is_given_a_value_where_it_has_none() {
        let seeded = [("id", "1"), ("name", "new")];
        let row = planned(Some(&seeded), Some(&seeded), false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec!["note"], vec![]));
        let row = planned(Some(&[("id", "1"), ("name", "new"), ("note", "usual")]), Some(&seeded), false);
        assert_eq!((columns(&row.changes), columns(&row.unseeded)), (vec!["note"], vec![]));
        assert_eq!(row.record, Some(texts(NEW)));
        // Any other value is kept and not recorded as seeded: nobody is said to have edited it.
        let mine = [("id", "1"), ("name", "new"), ("note", "mine")];
        let row = planned(Some(&mine), Some(&seeded), false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec![], vec![]));
        assert_eq!((columns(&row.unseeded), row.record), (vec!["note"], None));
        let row = planned(Some(&mine), Some(&seeded), true);
        assert_eq!((columns(&row.changes), row.record), (vec!["note"], Some(texts(NEW))));
        // In a row that was never seeded every differing column is an edit.
        let row = planned(Some(&[("id", "1"), ("name", "new"), ("note", "usual")]), None, false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec![], vec!["note"]));
    }

    #[test]
    fn a_default_is_known_by_its_value() {
        for (actual, default, same) in [
            ("0.00", "0", true),
            ("10", "1", false),
            ("100", "1", false),
            ("-1.50", "-1.5", true),
            ("true", "false", false),
            ("a.", "a", false),
        ] {
            assert_eq!(is_made_by(actual, default), same, "{actual} {default}");
        }
    }

    #[test]
    fn columns_are_told_apart() {
        let current = [("id", "1"), ("name", "edited"), ("note", "m")];
        let seeded = [("id", "1"), ("name", "old"), ("note", "m")];
        let row = planned(Some(&current), Some(&seeded), false);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec!["note"], vec!["name"]));
        assert_eq!(row.record, Some(texts(OLD)));
    }

    #[test]
    fn overwriting_takes_everything_over() {
        let row = planned(Some(EDITED), None, true);
        assert_eq!((columns(&row.changes), columns(&row.edits)), (vec!["name"], vec![]));
        assert_eq!(row.record, Some(texts(NEW)));
    }

    #[test]
    fn a_row_that_is_only_to_be_there_is_never_changed() {
        let mut answer = SeedQueryRow {
            row: Some(0),
            key: "[\"1\"]".into(),
            current: Some(texts(EDITED)),
            declared: texts(NEW),
            seeded: Some(texts(OLD)),
            xmin: None,
            duplicate: false,
        };
        let row = row_plan(SeedMode::Insert, 0, &answer, &BTreeMap::new(), true);
        assert!(row.changes.is_empty() && row.edits.is_empty() && row.record.is_none());
        answer.current = None;
        assert!(row_plan(SeedMode::Insert, 0, &answer, &BTreeMap::new(), false).missing);
    }
}
