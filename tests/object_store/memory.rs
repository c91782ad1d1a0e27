//! However large a backup is, what is in memory stays below 64 MB.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::server;
use super::site::Site;

/// Runs it, and looks at its peak until it ends: in kB.
#[track_caller]
fn peak(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peak
}

#[test]
fn f50_memory_is_bounded_however_large_the_archive() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(300);
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    for args in [&["backup"][..], &["backup", "verify", "latest", "--level", "contents"]] {
        let peak = peak(&mut site.trueup(args));
        let _ = std::io::stderr().write_all(format!("{args:?}: {peak} kB at the most\n").as_bytes());
        assert!(peak > 0 && peak < 64_000, "{args:?}: {peak} kB");
    }
    let archive = format!("some/place/{}/archive.dump", site.listed()[0]);
    let (status, answer) = bucket.ask("GET", "?list-type=2", &[]);
    assert_eq!(status, 200);
    let (_, after) = answer.split_once(&archive).unwrap();
    let size = after.split_once("<Size>").unwrap().1.split_once('<').unwrap().0;
    assert!(size.parse::<u64>().unwrap() > 300_000_000, "{size}");
}
