//! Servers that take no writes.

use super::site::{ROWS, Site};
use crate::support;
use crate::support::cluster::Cluster;

#[test]
fn a_backup_of_a_read_only_database_is_taken() {
    let site = Site::new();
    let name = site.database.name();
    site.database.exec(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    site.backup(&[]).exit(0).says("3 tables with 20100 rows");
}

#[test]
fn a_backup_of_a_real_standby_is_taken() {
    let primary = Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    support::try_query_at(&primary.url("postgres@127.0.0.1", "shop"), ROWS).unwrap();
    let standby = primary.standby();
    let site = Site::of("");
    for format in ["custom", "directory"] {
        site.settings(&format!("format = \"{format}\""));
        let url = standby.url("postgres@127.0.0.1", "shop");
        let backup = site.backup_of(&url, &["--format", "json"]).exit(0).json()["backup"].clone();
        assert_eq!(backup["verified"]["how"], "contents");
        assert_eq!(backup["source"]["port"], u64::from(standby.port));
        for position in ["before", "after"] {
            let position = backup["wal"][position].as_str().unwrap_or_default();
            assert!(position.contains('/'), "{backup:#}");
        }
        let rows: u64 =
            backup["relations"].as_array().unwrap().iter().filter_map(|one| one["rows"].as_u64()).sum();
        assert_eq!(rows, 20_100);
    }
    assert!(!standby.try_psql("CREATE TABLE t ()"), "a standby takes no writes");
}
