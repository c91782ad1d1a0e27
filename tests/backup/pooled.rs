//! A transaction-pooling proxy.

use trueup::postgres::connection::Target;

use super::site::Site;
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::{self, Row};

const SESSION: &str = "SELECT name, setting FROM pg_settings
    UNION ALL SELECT 'prepared ' || name, statement FROM pg_prepared_statements
    UNION ALL SELECT 'advisory lock', objid::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL SELECT 'current_user', current_user
    ORDER BY 1, 2";

fn look(url: &str) -> Vec<Row> {
    support::runtime().block_on(async {
        let mut session = Target::parse(url).unwrap().connect("application").await.unwrap();
        let rows = support::rows(&mut session, SESSION).await.unwrap();
        session.close().await;
        rows
    })
}

/// `pg_dump` sets up its session: behind a pooler whoever comes next would work with its settings.
#[test]
fn f14_a_backup_through_a_pooler_is_refused_and_leaves_nothing_on_its_connections() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let site = Site::new();
    for pool_size in [1, 2] {
        let pooler = PgBouncer::start(&site.database, "pooled_app", pool_size);
        let before = look(&pooler.url());
        for _ in 0..3 {
            site.backup_of(&pooler.url(), &[])
                .exit(4)
                .says(["a transaction-pooling proxy", "the server's own address"]);
        }
        assert_eq!(before, look(&pooler.url()));
        site.nothing();
    }
}
