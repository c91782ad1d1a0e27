//! Behind PgBouncer in transaction mode.

use super::{OFTEN, Served, site};
use crate::support;
use crate::support::pgbouncer::{self, PgBouncer};

#[test]
fn it_works_through_a_pooler_and_leaves_nothing_on_its_connection() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let (project, database) = site();
    let pooler = PgBouncer::start(&database, "pooled_serve", 1);
    let settings =
        "SELECT name, setting FROM pg_settings UNION ALL SELECT 'role', current_user ORDER BY 1, 2";
    let before = support::try_query_at(&pooler.url(), settings).unwrap();
    let served = Served::start(&project, &pooler.url(), OFTEN);
    served.wait_for_all();
    served.wait_for_code(200);
    let metrics = served.metrics();
    for probe in ["readiness", "schema", "data", "backup"] {
        metrics.is("trueup_probe_success", &[("probe", probe)], 1.0);
    }
    // The application shares the one connection of the pool.
    assert_eq!(support::try_query_at(&pooler.url(), settings).unwrap(), before);
    served.stop();
}
