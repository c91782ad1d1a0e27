//! Who else writes to the table, and what is known of it afterwards: every change is logged in its own transaction.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trueup::postgres::connection::Session;

use super::case::Case;
use crate::support::{TestDatabase, rows, runtime};

/// The log: one row for each row that was changed. `col` is the column that was written, from 1, and `n` what into it.
pub(crate) const LOG: &str = "CREATE TABLE IF NOT EXISTS public.log (seq int, rid int, op text, col int, at timestamptz); TRUNCATE public.log";

/// Random changes, one after the other.
pub(crate) struct Writer<'c> {
    case: &'c Case,
    state: u64,
    /// The number of the next change.
    seq: usize,
}

/// What a writer writes for the change of this number.
pub(crate) fn fresh(template: &str, seq: usize) -> String {
    template.replace("{n}", &format!("{}00", 100_000 + seq))
}

impl<'c> Writer<'c> {
    pub(crate) fn new(case: &'c Case, first: usize) -> Self {
        Self { case, state: case.writers.seed.wrapping_add(first as u64), seq: first }
    }

    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX generator.
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) as usize) % end.max(1)
    }

    /// One change.
    fn statement(&mut self) -> String {
        self.seq += 1;
        let (seq, table, columns) = (self.seq, &self.case.table, &self.case.columns);
        let rid = self.below(self.case.rows.max(1)) + 1;
        let log = |op: &str, column: usize, change: String| {
            format!(
                "WITH x AS ({change} RETURNING rid) INSERT INTO public.log SELECT {seq}, rid, '{op}', {column}, clock_timestamp() FROM x"
            )
        };
        let column = self.below(columns.len());
        match (self.below(8), &columns[column].fresh) {
            (0, _) => log("delete", 0, format!("DELETE FROM {table} WHERE rid = {rid}")),
            (1, _) => log("insert", 0, self.case.insert(1000 + seq, seq)),
            (2..=5, Some(template)) => {
                let value = fresh(template, seq);
                let name = &columns[column].name;
                log(
                    "write",
                    column + 1,
                    format!("UPDATE {table} SET wc = {seq}, {name} = {value} WHERE rid = {rid}"),
                )
            }
            _ => log("touch", 0, format!("UPDATE {table} SET wc = {seq} WHERE rid = {rid}")),
        }
    }

    async fn once(&mut self, session: &mut Session) {
        // It may be refused, as a key that exists: nothing is logged then.
        let _ = session.execute(self.statement()).await;
    }

    /// So many changes.
    pub(crate) fn some(mut self, database: &TestDatabase, count: usize) -> usize {
        runtime().block_on(async {
            let mut session = database.connect().await;
            for _ in 0..count {
                self.once(&mut session).await;
            }
            session.close().await;
        });
        self.seq
    }

    /// So many changes, a few milliseconds apart, until it is told to stop.
    pub(crate) fn until(mut self, database: &TestDatabase, count: usize, stop: &AtomicBool) -> usize {
        runtime().block_on(async {
            let mut session = database.connect().await;
            for _ in 0..count {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                self.once(&mut session).await;
                tokio::time::sleep(Duration::from_millis(self.below(12) as u64)).await;
            }
            session.close().await;
        });
        self.seq
    }

    /// So many changes in one transaction, begun before `ready` is said, which ends some time after another plan is made.
    pub(crate) fn held(
        mut self,
        database: &TestDatabase,
        (count, kept): (usize, bool),
        ready: &std::sync::Barrier,
    ) -> usize {
        const PLANS: &str = "SELECT count(*) FROM pg_class WHERE relname LIKE 'repair\\_%' AND relkind = 'r'";
        runtime().block_on(async {
            let (mut session, mut look) = (database.connect().await, database.connect().await);
            session.execute("BEGIN").await.expect("begun");
            for _ in 0..count {
                let _ = session.execute("SAVEPOINT one").await;
                if session.execute(self.statement()).await.is_err() {
                    let _ = session.execute("ROLLBACK TO one").await;
                }
            }
            let before = rows(&mut look, PLANS).await.expect("counted");
            ready.wait();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2)
                && rows(&mut look, PLANS).await.expect("counted") == before
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(self.below(200) as u64)).await;
            session.execute(if kept { "COMMIT" } else { "ROLLBACK" }).await.expect("ended");
            session.close().await;
            look.close().await;
        });
        self.seq
    }
}
