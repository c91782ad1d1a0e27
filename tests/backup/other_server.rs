//! Connections that do not all lead to the same database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::site::Site;
use crate::support;
use crate::support::cluster::Cluster;
use crate::support::proxy::{Proxy, Then};

const ROWS: &str = "CREATE TABLE public.a (id int); INSERT INTO public.a VALUES (1), (2)";

/// An address that leads to one server for so many connections, and to the other one from then on.
fn split(first: &Cluster, then: &Cluster, connections: usize) -> (Proxy, String, Arc<AtomicUsize>) {
    let (first, then) = (first.socket(), then.socket());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        if number < connections { first.clone() } else { then.clone() }
    };
    let proxy = Proxy::toward(server, |_, _| Then::Forward);
    let url = format!("postgres://postgres@localhost/shop?host={}", proxy.dir().display());
    (proxy, url, count)
}

/// Wherever the connections part, nothing is backed up; when they do not, it is.
#[track_caller]
fn refused_wherever_they_part(site: &Site, first: &Cluster, then: &Cluster, from: usize) {
    let (_proxy, url, count) = split(first, then, usize::MAX);
    site.backup_of(&url, &[]).exit(0).says("1 table with 2 rows");
    let connections = count.load(Ordering::SeqCst);
    assert!(connections > from, "{connections}");
    std::fs::remove_dir_all(site.store()).unwrap();
    for connections in from..connections {
        let (_proxy, url, _) = split(first, then, connections);
        site.backup_of(&url, &[]).case(connections).exit(4);
        assert_eq!(site.stored(), Vec::<String>::new(), "{connections}");
    }
}

#[test]
fn f51_f27_connections_that_reach_two_servers_are_refused() {
    let (first, then) = (Cluster::start(&[]), Cluster::start(&[]));
    for cluster in [&first, &then] {
        support::try_query_at(&cluster.url("postgres@127.0.0.1", "shop"), ROWS).unwrap();
    }
    refused_wherever_they_part(&Site::of(""), &first, &then, 1);
}

/// A copy calls itself by the same identifiers; a snapshot of the one is none of the other's all the same.
#[test]
fn f51_f27_a_copied_server_is_told_from_the_original() {
    let original = Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]);
    support::try_query_at(&original.url("postgres@127.0.0.1", "shop"), ROWS).unwrap();
    let copy = original.standby();
    support::try_query_at(&copy.url("postgres@127.0.0.1", "shop"), "SELECT pg_promote(true, 30)").unwrap();
    // Before the snapshot the copy may as well be the original: what is dumped and counted is one of the two.
    refused_wherever_they_part(&Site::of(""), &original, &copy, 4);
}
