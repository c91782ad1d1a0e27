//! A client whose clock is years off.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{CHANGE, Other, SHORT, TABLE, project, upgrade};
use crate::support;

/// The library, where `scripts/faketime` finds or puts it.
fn library() -> PathBuf {
    let cache = std::env::var_os("TRUEUP_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/trueup")));
    let roots = [Some(PathBuf::from("/")), cache.map(|cache| cache.join("faketime/tree"))];
    let of_root = |root: PathBuf| glob(&root.join("usr/lib"));
    roots.into_iter().flatten().find_map(of_root).expect("libfaketime: run scripts/faketime")
}

/// Below `<lib>/<architecture>-linux-gnu/faketime`, where Debian puts it.
fn glob(lib: &std::path::Path) -> Option<PathBuf> {
    let found = std::fs::read_dir(lib).ok()?.flatten();
    found.map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file())
}

const YEARS: [&str; 2] = ["-9000d", "+9000d"];

#[test]
fn f35_the_records_carry_the_servers_clock() {
    let library = library();
    for offset in YEARS {
        let project = project(SHORT, &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
        let database = support::database();
        let skewed =
            || upgrade(&project, &database).env("LD_PRELOAD", &library).env("FAKETIME", offset).case(offset);
        skewed().args(["--to", "1"]).exit(0).says("done: applied 1 migration");
        for what in [
            "(SELECT min(applied_on::timestamptz) FROM refinery_schema_history)",
            "(SELECT min(applied_at) FROM trueup.migrations)",
            "(SELECT min(started_at) FROM trueup.runs)",
            "(SELECT min(ended_at) FROM trueup.runs)",
            "(SELECT set_at FROM trueup.mark)",
        ] {
            let near = format!("SELECT {what} BETWEEN now() - interval '5 min' AND now()");
            assert_eq!(database.value(&near), "t", "{offset}: {what}");
        }
        // The run's name, a ULID, is made from the client's clock, which shows that it was off.
        let run = database.value("SELECT id FROM trueup.runs");
        let now = ulid::Ulid::from_string(&run).unwrap().datetime();
        let off = now.duration_since(std::time::SystemTime::now()).unwrap_or_else(|error| error.duration());
        assert!(off > Duration::from_secs(8000 * 86_400), "{offset}: {off:?}");
        // Deadlines count as always.
        let mut idle = Other::at(database.url(), "billing");
        idle.run("BEGIN; SELECT count(*) FROM public.items");
        let began = Instant::now();
        skewed().exit(75).says("application billing");
        let took = began.elapsed();
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(15), "{offset}: {took:?}");
        drop(idle);
        skewed().exit(0).says("done: applied 1 migration");
    }
}

/// The clock jumps while a run waits: daylight saving, NTP, a suspended machine.
#[test]
fn f35_a_clock_that_jumps_moves_no_deadline() {
    let library = library();
    let project = project(SHORT, &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let database = support::database();
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    let mut idle = Other::at(database.url(), "billing");
    idle.run("BEGIN; SELECT count(*) FROM public.items");
    let file = project.path().join("faketime");
    std::fs::write(&file, "+0d\n").unwrap();
    let began = Instant::now();
    let upgrade = upgrade(&project, &database);
    let upgrade = upgrade.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &file);
    // Only the clock on the wall jumps; the monotonic one is what it is called.
    let child = upgrade.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").start();
    std::thread::sleep(Duration::from_secs(2));
    std::fs::write(&file, "+1d\n").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    std::fs::write(&file, "-1d\n").unwrap();
    child.ended().exit(75).says("application billing");
    let took = began.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(15), "{took:?}");
}
