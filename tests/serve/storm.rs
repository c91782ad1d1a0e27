//! A storm of scrapes: what it costs the database by the server's own log, and what it costs this machine.

use std::fs;
use std::time::{Duration, Instant};

use super::{Client, Served, site};
use crate::support::cluster::Cluster;

const THREADS: usize = 4;
/// How much more memory it may have after the storm, in kB.
const GROWTH: u64 = 1024;

/// What the server logged of the statements of `trueup serve`.
fn statements(cluster: &Cluster, from: usize) -> Vec<String> {
    let log = fs::read(cluster.socket_dir().join("log")).unwrap();
    let log = String::from_utf8_lossy(&log[from..]).into_owned();
    let ours = log.lines().filter(|line| line.contains(" serve|") && line.contains("statement: "));
    ours.map(str::to_owned).collect()
}

fn length(cluster: &Cluster) -> usize {
    usize::try_from(cluster.socket_dir().join("log").metadata().unwrap().len()).unwrap()
}

/// The memory that is in use, in kB.
fn memory(served: &Served) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", served.running.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Scrapes so often over connections that are kept, and one in fifty over a new one.
fn scrape(port: u16, count: usize) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(move || {
                let mut client = Client::to(port);
                for number in 0..count / THREADS {
                    if number % 50 == 0 {
                        client = Client::to(port);
                    }
                    let path = ["/metrics", "/metrics", "/readyz", "/"][number % 4];
                    assert_eq!(client.ask("GET", path, "").code, 200, "{path}");
                }
            });
        }
    });
}

#[test]
fn ten_thousand_scrapes_cost_a_look_every_five_seconds_and_no_memory() {
    let (project, database) = site();
    let cluster = Cluster::start(&["log_statement=all", "log_line_prefix=%a|"]);
    cluster.load("shop", database.url());
    let served = Served::start(&project, &cluster.url("postgres@127.0.0.1", "shop"), &[]);
    served.wait_for_all();
    served.wait_for_code(200);
    // That the log is that of the statements.
    assert!(statements(&cluster, 0).len() >= 4, "{:?}", statements(&cluster, 0));
    scrape(served.port, 2_000);
    let (before, from, begun) = (memory(&served), length(&cluster), Instant::now());
    scrape(served.port, 10_000);
    let grown = memory(&served).saturating_sub(before);
    assert!(grown < GROWTH, "{grown} kB more than {before} kB");
    while begun.elapsed() < Duration::from_secs(11) {
        scrape(served.port, 400);
    }
    let asked = statements(&cluster, from);
    let looks = asked.iter().filter(|line| line.contains("statement: BEGIN")).count();
    let most = usize::try_from(begun.elapsed().as_secs() / 5 + 1).unwrap();
    assert!(
        (1..=most).contains(&looks),
        "{looks} looks in {:?}, not 1 to {most}: {asked:#?}",
        begun.elapsed()
    );
    // Two messages each, and nothing else.
    assert_eq!(asked.len(), 2 * looks, "{asked:#?}");
    let grown = memory(&served).saturating_sub(before);
    assert!(grown < GROWTH, "{grown} kB more than {before} kB");
    println!("serve: {looks} looks in {:?}, {grown} kB more than {before} kB", begun.elapsed());
    served.stop();
}
