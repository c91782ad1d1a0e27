//! `plan::expected_locks` and `plan::Relations` against `pg_locks` of a real server: every lock of SHARE UPDATE EXCLUSIVE or more
//! on a table or view that existed before is told, with exactly the mode that the server takes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::footprints::{INSIDE, SETUP};
use crate::support::{self, TestDatabase};
use trueup::changes::plan::{Relations, expected_locks};
use trueup::postgres::catalog::reader::{ReadOptions, read};
use trueup::postgres::catalog::{Catalog, Kind};
use trueup::postgres::lock_mode::LockMode;
use trueup::postgres::sql::split;

pub(crate) struct Fixture {
    database: TestDatabase,
    catalog: Catalog,
    /// The relations by oid: name and kind.
    pub(crate) relations: BTreeMap<String, String>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let database = support::database();
        database.exec(SETUP);
        let catalog = support::runtime().block_on(async {
            let mut session = database.connect().await;
            let version = database.server.version;
            read(&mut session, version, &ReadOptions::default()).await.unwrap().catalog
        });
        let relations = database.query(
            "SELECT c.oid::text, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
             WHERE n.nspname IN ('public', 'app') AND relkind IN ('r', 'p', 'v', 'm')",
        );
        let relations = relations.into_iter().map(|mut row| {
            let name = row.remove(1).unwrap();
            (row.remove(0).unwrap(), name)
        });
        let relations = relations.collect();
        Self { database, catalog, relations }
    }

    /// What is told of a statement, on tables and views.
    fn told(&self, sql: &str) -> BTreeMap<String, LockMode> {
        let locks = expected_locks(&split(sql).unwrap()[0]);
        let search_path = ["public".into()];
        let held = Relations::of(&self.catalog, &search_path).held(&locks);
        held.into_iter()
            .filter(|(id, _)| matches!(id.kind, Kind::Table | Kind::View | Kind::MaterializedView))
            .map(|(id, mode)| (id.to_string(), mode))
            .collect()
    }

    /// What the server takes.
    pub(crate) fn taken(&self, sql: &str) -> Result<BTreeMap<String, LockMode>, String> {
        let rows = self.database.try_query(&format!(
            "BEGIN; {sql}; SELECT 'lock', relation::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IS NOT NULL; ROLLBACK"
        ));
        let mut taken = BTreeMap::new();
        for row in rows
            .map_err(|why| why.root_cause().to_string())?
            .iter()
            .filter(|row| row.len() == 3 && row[0].as_deref() == Some("lock"))
        {
            let Some(name) = row[1].as_ref().and_then(|oid| self.relations.get(oid)) else { continue };
            let mode = LockMode::from_pg_locks(row[2].as_deref().unwrap()).unwrap();
            let strongest = taken.entry(name.clone()).or_insert(mode);
            *strongest = mode.max(*strongest);
        }
        Ok(taken)
    }
}

#[test]
fn locks_are_those_that_the_server_takes() {
    let fixture = Fixture::new();
    let mut wrong = Vec::new();
    // MERGE came with 15.
    let known = |sql: &&&str| fixture.database.server.version.major() >= 15 || !sql.starts_with("MERGE");
    for sql in INSIDE.iter().filter(known) {
        let mut taken = fixture.taken(sql);
        if let Ok(taken) = &mut taken {
            taken.retain(|_, mode| *mode >= LockMode::RowExclusive);
        }
        let told = Ok(fixture.told(sql));
        if told != taken {
            wrong.push(format!("{sql}\n    told  {told:?}\n    taken {taken:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), INSIDE.len(), wrong.join("\n"));
}

/// What cannot run in a transaction: the lock that it waits for while somebody else holds one that lets queries pass,
/// the server's own look at the table among them.
#[test]
fn locks_outside_of_transactions_are_those_that_the_server_waits_for() {
    for (sql, table) in [
        ("CREATE INDEX CONCURRENTLY n ON users (name)", "public.users"),
        ("DROP INDEX CONCURRENTLY users_name_idx", "public.users"),
        ("REINDEX TABLE CONCURRENTLY users", "public.users"),
        ("REINDEX (CONCURRENTLY) INDEX users_name_idx", "public.users"),
        ("ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY", "public.parts"),
        ("VACUUM keys", "public.keys"),
        ("VACUUM (FULL, ANALYZE) keys", "public.keys"),
        ("VACUUM (FULL false) keys", "public.keys"),
        ("VACUUM FULL ANALYZE keys (n)", "public.keys"),
    ] {
        let fixture = Fixture::new();
        let waited = fixture.waits_for(sql, table);
        assert_eq!(fixture.told(sql).get(table).copied(), Some(waited), "{sql}");
    }
}

impl Fixture {
    fn waits_for(&self, sql: &str, table: &str) -> LockMode {
        let url = self.database.url().to_owned();
        support::runtime().block_on(async {
            let mut holder = self.database.connect().await;
            holder.execute(&format!("BEGIN; LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE")).await.unwrap();
            let text = sql.to_owned();
            let waiter = std::thread::spawn(move || support::try_query_at(&url, &text));
            let question = format!(
                "SELECT mode FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())"
            );
            let patience = Instant::now() + Duration::from_secs(20);
            let mode = loop {
                if let Some(row) = self.database.query(&question).first() {
                    break row[0].clone().unwrap();
                }
                assert!(Instant::now() < patience, "{sql} does not wait for {table}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            holder.execute("ROLLBACK").await.unwrap();
            waiter.join().unwrap().unwrap();
            LockMode::from_pg_locks(&mode).unwrap()
        })
    }
}
