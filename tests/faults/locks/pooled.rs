//! A pooler between trueup and the server.

use super::{TABLE, project, untouched, upgrade};
use crate::support;
use crate::support::pgbouncer::PgBouncer;

/// With one session to a pool, whoever is in a transaction has it alone; with several, they change hands.
#[test]
fn f14_a_transaction_pooling_proxy_is_refused_before_any_change() {
    let project = project("", &[("V1__items.sql", TABLE)]);
    for pool_size in [1, 2, 4] {
        let database = support::database();
        let pooler = PgBouncer::start(&database, "pooled_app", pool_size);
        let before = crate::faults::pooler::look(&pooler.url());
        for _ in 0..4 {
            upgrade(&project, &pooler.url()).exit(4).says([
                "a transaction-pooling proxy",
                "nothing was changed",
                "give the server's own address",
            ]);
            untouched(&database);
        }
        let after = crate::faults::pooler::look(&pooler.url());
        assert_eq!(
            crate::faults::pooler::settings(&before),
            crate::faults::pooler::settings(&after),
            "{pool_size}"
        );
        // What only reads works.
        upgrade(&project, &pooler.url()).arg("--dry-run").exit(0).says(["V1__items", "nothing was changed"]);
        untouched(&database);
    }
}

#[test]
fn f14_a_pool_in_session_mode_works() {
    let project = project("", &[("V1__items.sql", TABLE)]);
    let database = support::database();
    let pooler = PgBouncer::start_in("session", &database, "pooled_app", 4);
    upgrade(&project, &pooler.url()).exit(0).says("done: applied 1 migration");
    upgrade(&project, &pooler.url()).exit(0).says("nothing to do");
}
