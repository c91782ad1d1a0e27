//! However large a backup is, what is in memory stays below 64 MB: 40 MB for the backup, and the program itself, which takes
//! less than 24 MB when it is optimised. Without that it takes more, so it is measured and left out here.

use std::io::Write as _;

use super::server;
use super::site::Site;

#[test]
fn f50_memory_is_bounded_however_large_the_archive() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(300);
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    let peak = |args: &[&str]| {
        let mut command = site.trueup(args).start();
        let peak = command.peak();
        command.ended().exit(0);
        let _ = std::io::stderr().write_all(format!("{args:?}: {peak} kB at the most\n").as_bytes());
        peak
    };
    let own = peak(&["backup", "list"]);
    assert!(own > 0);
    for args in [&["backup"][..], &["backup", "verify", "latest", "--level", "contents"]] {
        let peak = peak(args);
        assert!(peak < own + 40_000, "{args:?}: {peak} kB, the program itself {own} kB");
    }
    let archive = format!("some/place/{}/archive.dump", site.listed()[0]);
    let (status, answer) = bucket.ask("GET", "?list-type=2", &[]);
    assert_eq!(status, 200);
    let (_, after) = answer.split_once(&archive).unwrap();
    let size = after.split_once("<Size>").unwrap().1.split_once('<').unwrap().0;
    assert!(size.parse::<u64>().unwrap() > 300_000_000, "{size}");
}
