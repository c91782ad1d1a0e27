//! Giving the rows of a repair their old values back, where they still have what the repair wrote.

use anyhow::{Context as _, Result};

use super::batch::{Done, FEW, Rows, batches};
use super::columns::{FORMATS, numbered, of, same_image};
use super::records::{Repair, State};
use super::run::{Tally, broken, left_out};
use super::{Pace, state};
use crate::checks::Action;
use crate::db;
use crate::door::{Door, Watch};
use crate::error::{Exit, Failure};
use crate::sql::{identifier, literal};

/// How many rows that were kept are listed.
const MOST: usize = 100;

/// What came of taking a repair back, or would.
#[derive(Debug, Clone, Default)]
pub struct Undone {
    /// Rows given back; as changed, and those that were not, as skipped.
    pub tally: Tally,
    /// The keys of the first that are not as the repair left them, values as the server prints them.
    pub kept: Vec<Vec<Option<String>>>,
}

/// Takes one back. The same again goes on where it was.
///
/// # Errors
/// Exit 5 when nothing of the run stays, 6 when something does.
pub async fn undo(
    door: &mut Door,
    watch: &mut dyn Watch,
    repair: &Repair,
    pace: &Pace,
    kept: bool,
) -> Result<Undone> {
    let mut done = Done::default();
    let range = (repair.undone + 1, repair.done, repair.changed);
    let went = batches(door, watch, repair, &GivingBack(repair), range, (pace, &mut done)).await;
    if let Err(trouble) = went {
        return Err(broken(trouble, repair, kept || done.changed > 0, done.changed));
    }
    let what = format!("the record of taking back {}", repair.title());
    let record = format!(
        "UPDATE trueup.repairs SET state = '{}', undone_by = {} WHERE {}",
        State::Undone.word(),
        literal(door.run()),
        repair.record()
    );
    door.note(&what, &record, watch).await.map_err(|trouble| trouble.failure(&what, true))?;
    let Done { changed, skipped, blockers, longest, batches } = done;
    // One that was broken off and goes on kept some before.
    let skipped = repair.kept + skipped;
    let tally = Tally { changed, skipped, blockers, batches, longest };
    let kept = keys(door, repair, &format!("p.state = '{}'", state::KEPT)).await?;
    Ok(Undone { tally, kept })
}

/// What taking it back would do now.
///
/// # Errors
/// Exit 4 when the table would not take the old values; the server's, in words.
pub async fn would_undo(door: &mut Door, repair: &Repair) -> Result<Undone> {
    let giving = GivingBack(repair);
    let range = format!("p.n > {} AND p.n <= {} AND p.state IS NULL", repair.undone, repair.done);
    let (plan, name) = (repair.rows_in(), repair.table.qualified());
    let same = match repair.action {
        Action::Update => format!("t.tableoid IS NOT NULL AND {}", giving.as_written()),
        Action::Delete => "t.tableoid IS NULL".to_owned(),
    };
    let from = format!("{plan} AS p LEFT JOIN {name} AS t ON {} WHERE {range}", repair.same_key());
    let old = repair.columns.iter().zip(numbered("p.o", repair.columns.len()));
    let required: Vec<_> = old.filter(|(column, _)| column.required).collect();
    let nulls = required.iter().map(|(_, old)| format!("({same}) AND {old} IS NULL"));
    let counts: Vec<String> = [same.clone(), format!("NOT ({same})")]
        .into_iter()
        .chain(nulls)
        .map(|condition| format!("pg_catalog.count(*) FILTER (WHERE {condition})"))
        .collect();
    let sql = format!("SELECT {} FROM {from}", counts.join(", "));
    // With the project's search_path, where the `=` of its types is.
    let session = door.reading().await?;
    let failed = |error| db::server_failure(error, "looking at what would be taken back");
    let rows = session.rows(sql).await.map_err(failed)?;
    let row = rows.into_iter().next().context("nothing was counted")?;
    let number = |column: usize| row[column].as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
    for (place, (column, _)) in required.iter().enumerate() {
        if let rows @ 1.. = number(2 + place) {
            return Err(not_null(repair, &column.name, rows).into());
        }
    }
    let now = number(1);
    let tally = Tally { changed: number(0), skipped: repair.kept + now, ..Tally::default() };
    let mut kept = Vec::new();
    if now > 0 {
        let sql = format!("SELECT {} FROM {from} AND NOT ({same}) ORDER BY p.n LIMIT {MOST}", shown(repair));
        kept = session.rows(sql).await.map_err(failed)?;
    }
    if repair.kept > 0 {
        kept.extend(keys(door, repair, &format!("p.state = '{}'", state::KEPT)).await?);
        kept.truncate(MOST);
    }
    Ok(Undone { tally, kept })
}

fn not_null(repair: &Repair, column: &str, rows: u64) -> Failure {
    let (column, table) = (identifier(column), repair.table.qualified());
    let those = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let what = format!(
        "run {} cannot be taken back: column {column} of {table} is NOT NULL now, and would get NULL back in {those}; \
         nothing was changed",
        repair.run
    );
    Failure::new(Exit::Refused, what).next(format!(
        "trueup downgrade takes back the migration that made it so, or: ALTER TABLE {table} ALTER COLUMN {column} DROP \
         NOT NULL; then the same command again"
    ))
}

/// The key of a plan's row, for people.
fn shown(repair: &Repair) -> String {
    let keys = numbered("p.k", repair.key.len());
    keys.iter()
        .map(|key| format!("pg_catalog.left(({key})::pg_catalog.text, 200)"))
        .collect::<Vec<_>>()
        .join(", ")
}

async fn keys(door: &mut Door, repair: &Repair, condition: &str) -> Result<Vec<Vec<Option<String>>>> {
    let sql = format!(
        "SELECT {} FROM {} AS p WHERE {condition} ORDER BY p.n LIMIT {MOST}",
        shown(repair),
        repair.rows_in()
    );
    door.ask(&sql).await.map_err(|error| db::server_failure(error, "reading which rows were kept"))
}

/// The statements of the batches.
struct GivingBack<'r>(&'r Repair);

impl GivingBack<'_> {
    /// Whether a row still has what the repair wrote.
    fn as_written(&self) -> String {
        let columns = &self.0.columns;
        let now: Vec<String> = columns.iter().map(|column| column.kept(&of("t", column))).collect();
        same_image(&now, &numbered("p.w", columns.len()))
    }
}

impl Rows for GivingBack<'_> {
    fn statements(&self, from: u64, to: u64, around: bool) -> String {
        let Repair { table, columns, key, action, .. } = self.0;
        let (plan, name) = (self.0.rows_in(), table.qualified());
        let range = |alias: &str| {
            format!(
                "{alias}.n OPERATOR(pg_catalog.>=) {from} AND {alias}.n OPERATOR(pg_catalog.<=) {to} AND {alias}.state IS NULL"
            )
        };
        let names: Vec<String> = columns.iter().map(|column| identifier(&column.name).into_owned()).collect();
        let old: Vec<String> = columns
            .iter()
            .zip(numbered("p.o", columns.len()))
            .map(|(column, kept)| column.back(&kept))
            .collect();
        let (back, missed) = match action {
            Action::Update => {
                let sets: Vec<String> =
                    names.iter().zip(&old).map(|(name, value)| format!("{name} = {value}")).collect();
                let source = if around {
                    format!(
                        "(SELECT p.* FROM {plan} AS p JOIN {name} AS t ON {} WHERE {} FOR UPDATE OF t SKIP LOCKED)",
                        self.0.same_key(),
                        range("p")
                    )
                } else {
                    plan.clone()
                };
                (
                    format!(
                        "UPDATE {name} AS t SET {} FROM {source} AS p WHERE {} AND {} AND {} RETURNING p.n",
                        sets.join(", "),
                        self.0.same_key(),
                        range("p"),
                        self.as_written()
                    ),
                    "p.n NOT IN (SELECT n FROM back)".to_owned(),
                )
            }
            Action::Delete => {
                let keys: Vec<String> = key.iter().map(|column| of("t", column)).collect();
                let aliased: Vec<String> =
                    keys.iter().zip(1..).map(|(value, number)| format!("{value} AS k{number}")).collect();
                let same: Vec<String> = key
                    .iter()
                    .zip(1..)
                    .map(|(column, number)| {
                        column.equal(&format!("b.k{number}"), &column.back(&format!("p.k{number}")))
                    })
                    .collect();
                (
                    format!(
                        "INSERT INTO {name} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {plan} AS p WHERE {} \
                         ON CONFLICT DO NOTHING RETURNING {}",
                        names.join(", "),
                        old.join(", "),
                        range("p"),
                        aliased.join(", ")
                    ),
                    format!("NOT EXISTS (SELECT FROM back AS b WHERE {})", same.join(" AND ")),
                )
            }
        };
        format!(
            "{FEW};\n{FORMATS};\nWITH back AS ({back}), \
             kept AS (UPDATE {plan} AS p SET state = '{}' WHERE {} AND {missed} RETURNING 1), \
             counted AS (UPDATE trueup.repairs AS r SET undone = {to}, \
             restored = r.restored OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM back), \
             kept = r.kept OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM kept) WHERE {}) \
             SELECT (SELECT pg_catalog.count(*) FROM back), (SELECT pg_catalog.count(*) FROM kept)",
            state::KEPT,
            range("p"),
            self.0.record()
        )
    }

    fn leave_out(&self, from: u64, to: u64) -> String {
        left_out(self.0, (from, to), state::KEPT, ("undone", "kept"))
    }
}
