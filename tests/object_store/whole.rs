//! Nothing goes wrong: taken, listed, verified, pruned.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::proxy::{Deed, Proxy};
use super::server::{self, Bucket};
use super::site::Site;
use crate::support::{self, wait_for};

fn endpoint(bucket: &Bucket) -> String {
    format!("http://127.0.0.1:{}", bucket.port)
}

#[test]
fn a_backup_in_a_bucket_is_listed_verified_and_pruned() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    site.settings(&bucket, &endpoint(&bucket), "keep_last = 1");
    site.run(&["backup"]).exit(0);
    let [first] = site.listed().try_into().unwrap();
    let members = ["archive.dump", "catalog.jsonl", "manifest.json"];
    let names = |id: &str| members.map(|member| format!("some/place/{id}/{member}"));
    assert_eq!(bucket.objects(), names(&first));
    assert_eq!(bucket.unfinished(), 0);
    for level in ["quick", "contents"] {
        site.run(&["backup", "verify", "latest", "--level", level]).exit(0);
    }
    site.run(&["backup"]).exit(0);
    let both = site.listed();
    assert_eq!((both.len(), &both[0]), (2, &first));
    // What somebody is writing at this moment, and what is not ours, stay.
    let others = ["some/place/01ARZ3NDEKTSV4RRFFQ69G5FAV/archive.dump", "some/place/notes/x", "elsewhere"];
    for other in others {
        assert_eq!(bucket.ask("PUT", other, b"x").0, 200);
    }
    assert_eq!(site.listed(), both);
    site.run(&["backup", "prune", "--yes"]).exit(0);
    let mut left: Vec<String> = names(&both[1]).into_iter().chain(others.map(str::to_owned)).collect();
    left.sort();
    assert_eq!(bucket.objects(), left);
    assert_eq!(site.listed(), both[1..]);
}

#[test]
fn a_backup_in_a_bucket_is_restored_as_it_comes() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    site.settings(&bucket, &endpoint(&bucket), "");
    site.run(&["backup"]).exit(0);
    site.run(&["backup", "verify", "latest", "--level", "restore"]).exit(0).says("it was restored");
    let (url, is_there) = site.beside("copy");
    site.run(&["restore", "latest", "--into", &url, "--yes"])
        .exit(0)
        .says("schema and rows are those that were backed up");
    assert!(is_there());
    let rows = support::try_query_at(&url, "SELECT count(*) FROM public.filler").unwrap();
    assert_eq!(rows, [[Some("2000".to_owned())]]);
}

#[test]
fn f50_what_a_killed_one_leaves_is_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(30);
    // The third part never arrives.
    let proxy = Proxy::before(bucket.port, |request| match request.target.contains("partNumber=3") {
        true => Deed::Stall,
        false => Deed::Pass,
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    let backup = site.trueup(&["backup"]).with(|command| command.process_group(0)).start();
    wait_for("the third part", || proxy.seen().iter().any(|request| request.target.contains("partNumber=3")));
    backup.send(Signal::SIGKILL);
    backup.ended().killed();
    assert_eq!(site.listed(), Vec::<String>::new());
    let objects = bucket.objects();
    assert!(objects.iter().all(|object| !object.ends_with("manifest.json")), "{objects:?}");
    assert_eq!(bucket.unfinished(), 1);
    // It is young: somebody else might be writing it. The next one is a backup all the same.
    site.settings(&bucket, &endpoint(&bucket), "");
    site.run(&["backup"]).exit(0);
    let [whole] = site.listed().try_into().unwrap();
    assert_eq!(bucket.unfinished(), 1);
    // A day later nobody is writing it any more.
    site.settings(&bucket, &endpoint(&bucket), "keep_last = 1");
    let prune = site.trueup(&["backup", "prune", "--yes"]).env("LD_PRELOAD", faketime());
    site.unseen(prune.env("FAKETIME", "+25h").env("FAKETIME_DONT_FAKE_MONOTONIC", "1")).exit(0);
    assert_eq!(bucket.unfinished(), 0);
    assert_eq!(site.listed(), [whole.as_str()]);
    let objects = bucket.objects();
    assert!(objects.len() == 3 && objects.iter().all(|object| object.contains(&whole)), "{objects:?}");
}

/// The library, where `scripts/faketime` finds or puts it.
fn faketime() -> PathBuf {
    let cache = support::cache().map(|cache| cache.join("faketime/tree"));
    let roots = [Some(PathBuf::from("/")), cache].into_iter().flatten();
    let architectures = roots.filter_map(|root| root.join("usr/lib").read_dir().ok()).flatten().flatten();
    let mut libraries = architectures.map(|entry| entry.path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.is_file()).expect("libfaketime: run scripts/faketime")
}

#[test]
fn a_probe_of_doctor_leaves_nothing_also_when_it_is_interrupted() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    site.settings(&bucket, &endpoint(&bucket), "");
    let found = site.trueup(&["doctor", "--format", "json"]).run().document();
    let store = found["examinations"].as_array().unwrap().iter().find(|one| one["name"] == "store").unwrap();
    assert_eq!(store["result"], "ok", "{store:#}");
    assert_eq!(bucket.objects(), [""; 0]);
    // The probe is there while it is read, which takes a while.
    let proxy = Proxy::before(bucket.port, |request| {
        if request.is("GET", ".probe") {
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
        Deed::Pass
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    let doctor = site.trueup(&["doctor"]).start();
    wait_for("the probe", || bucket.objects().iter().any(|object| object.ends_with(".probe")));
    doctor.stop(Signal::SIGINT, std::time::Duration::from_secs(15)).exit(4).says("interrupted by SIGINT");
    assert_eq!(bucket.objects(), [""; 0]);
    // A bucket that takes nothing.
    let proxy = Proxy::before(bucket.port, |request| match request.method.as_str() {
        "PUT" => Deed::Answer("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>".to_owned()),
        _ => Deed::Pass,
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    site.unseen(site.trueup(&["doctor"])).exit(1).says("FAIL store: ");
}

#[test]
fn a_role_that_only_takes_backups_is_warned_by_doctor() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    for (denied, said) in [("GET", "could not be read from"), ("DELETE", "could not be removed from")] {
        // A multipart upload that is given up is no object.
        let proxy = Proxy::before(bucket.port, move |request| match request.is(denied, ".probe") {
            true => Deed::Answer("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>".to_owned()),
            false => Deed::Pass,
        });
        site.settings(&bucket, &proxy.endpoint(), "");
        for _ in 0..2 {
            let ran = site.unseen(site.trueup(&["doctor"]).env("COLUMNS", "400"));
            ran.says(["WARN store: the probe some/place/.probe ", said]).lacks("FAIL store");
        }
        site.run(&["backup"]).exit(0);
    }
    let probes = bucket.objects().iter().filter(|object| object.contains("probe")).count();
    assert_eq!(probes, 1, "one that may not be removed is the only one: {:?}", bucket.objects());
}
