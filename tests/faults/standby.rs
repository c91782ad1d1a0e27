//! Servers that take no writes.

use crate::support::cluster::Cluster;
use crate::support::project::Site;

#[test]
fn f25_a_read_only_server_is_read() {
    let site = Site::with_drift();
    let expected = site.findings();
    let name = site.database.name();
    site.database.exec(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert!(site.database.try_query("CREATE TABLE t ()").is_err(), "it is read-only");
    assert_eq!(site.check(&site.database).findings(), expected);
}

#[test]
fn f25_a_real_standby_is_read() {
    let primary = Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    let site = Site::with_drift();
    let expected = site.findings();
    primary.load("shop", site.database.url());
    assert_eq!(site.check(&primary.url("postgres@127.0.0.1", "shop")).findings(), expected);
    let standby = primary.standby();
    let url = standby.url("postgres@127.0.0.1", "shop");
    let ran = site.check(&url).run();
    assert_eq!(ran.findings(), expected);
    let port = u64::from(standby.port);
    assert_eq!(ran.json()["target"]["port"], port);
    assert!(!standby.try_psql("CREATE TABLE t ()"), "a standby takes no writes");
}
