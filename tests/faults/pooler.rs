//! A transaction-pooling proxy.

use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::project::Site;
use crate::support::{self, Row};
use trueup::postgres::connection::Target;

/// Every setting of a session, and what else a session may have kept.
const SESSION: &str = "SELECT name, setting FROM pg_settings
    UNION ALL SELECT 'prepared ' || name, statement FROM pg_prepared_statements
    UNION ALL SELECT 'cursor ' || name, statement FROM pg_cursors
    UNION ALL SELECT 'advisory lock', objid::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL SELECT 'temporary ' || relname, '' FROM pg_class WHERE relpersistence = 't'
    UNION ALL SELECT 'listens', channel FROM pg_listening_channels() AS channel
    UNION ALL SELECT 'current_user', current_user
    UNION ALL SELECT 'backend', pg_backend_pid()::text
    ORDER BY 1, 2";

/// With one server connection the application's next query is sure to come over the one that check used; with
/// several the same is looked for on each.
#[test]
fn f14_reading_through_a_pooler_leaves_nothing_on_its_connections() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    for pool_size in [1, 4] {
        let site = Site::with_drift();
        let expected = site.findings();
        let pooler = PgBouncer::start(&site.database, "pooled_app", pool_size);
        let before = look(&pooler.url());
        for _ in 0..4 {
            assert_eq!(site.check(&pooler.url()).findings(), expected);
        }
        let after = look(&pooler.url());
        assert_eq!(backend(&before), backend(&after), "the same connection of the pool");
        assert_eq!(before, after);
    }
}

/// The session of an application that comes through the pooler.
pub(crate) fn look(url: &str) -> Vec<Row> {
    support::runtime().block_on(async {
        let mut session = Target::parse(url).unwrap().connect("application").await.unwrap();
        let mut rows = Vec::new();
        session
            .message(SESSION.to_owned(), |_, row| {
                rows.push((0..row.len()).map(|column| row.text(column).map(str::to_owned)).collect());
                Ok(())
            })
            .await
            .unwrap();
        session.close().await;
        rows
    })
}

/// The same without which of the pool's connections it was.
pub(crate) fn settings(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row[0].as_deref() != Some("backend")).collect()
}

fn backend(rows: &[Row]) -> &Row {
    rows.iter().find(|row| row[0].as_deref() == Some("backend")).unwrap()
}
