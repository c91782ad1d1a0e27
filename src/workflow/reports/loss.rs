//! The tables and columns that are dropped with their values when migrations are taken back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::output::view::{Text, Tone, View};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::snapshot::Size;
use crate::text::plural;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LossReport {
    /// `table` or `column`.
    kind: &'static str,
    /// Its name, qualified and quoted.
    object: String,
    /// How many rows its table has, by the planner's estimate.
    rows: Option<u64>,
    #[serde(skip)]
    table: String,
}

impl LossReport {
    /// The losses of these objects, which are not measured yet.
    pub(crate) fn of(lost: &[ObjectId]) -> Vec<Self> {
        let losses = lost.iter().map(|id| Self {
            kind: id.kind.word(),
            object: id.to_string(),
            rows: None,
            table: if id.kind == Kind::Table { id.to_string() } else { id.relation_path() },
        });
        losses.collect()
    }

    /// The tables whose rows are counted.
    pub(crate) fn tables(losses: &[Self]) -> BTreeSet<&str> {
        losses.iter().map(|loss| loss.table.as_str()).collect()
    }

    /// Sets how many rows each has.
    pub(crate) fn measure(losses: &mut [Self], sizes: &BTreeMap<String, Size>) {
        for loss in losses {
            loss.rows = sizes.get(&loss.table).map(|size| size.rows);
        }
    }

    /// A line for each.
    pub(crate) fn view(losses: &[Self]) -> View {
        let line = |loss: &Self| {
            let rows = match loss.rows {
                Some(rows) => format!("about {}", plural(rows, "row")),
                None => "number of rows not known: never analyzed".to_owned(),
            };
            Text::new(format!("lost: {} {} ({rows})", loss.kind, loss.object)).tone(Tone::Warning)
        };
        losses.iter().map(line).fold(View::new(), View::text)
    }
}
