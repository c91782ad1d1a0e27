//! What is listed, and what is pruned.

use std::fs;

use serde_json::Value;

use super::site::Site;
use crate::support;

#[test]
fn an_empty_store_is_listed_and_pruned_and_has_nothing_to_verify() {
    let site = Site::of("");
    site.backup(&["list"]).exit(0).says(["no backups in", "next: trueup backup"]);
    site.nothing();
    site.backup(&["verify"]).exit(2).says("there is no backup latest");
    site.backup(&["prune"]).exit(2).says(["no setting says which", "keep_last"]);
    site.settings("keep_last = 1");
    site.backup(&["prune"]).exit(0).says("removed 0 backups, kept 0");
    assert!(!site.store().exists(), "reading makes nothing");
}

fn ids(site: &Site) -> Vec<String> {
    site.listed().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Four, of which the second is the newest that was read in full.
fn four() -> (Site, Vec<String>) {
    let site = Site::new();
    let levels = ["contents", "contents", "quick", "quick"];
    let ids: Vec<_> = levels
        .iter()
        .map(|level| {
            // Their moments are told in seconds.
            std::thread::sleep(std::time::Duration::from_millis(1050));
            site.taken(&["--verify", level])["id"].as_str().unwrap().to_owned()
        })
        .collect();
    (site, ids)
}

#[test]
fn prune_asks_shows_keeps_what_was_proved_and_answers_in_json() {
    let (site, all) = four();
    assert_eq!(ids(&site), all);
    site.settings("keep_last = 1");
    let prune = |args: &[&str]| site.backup(&["prune"]).args(args);
    let document = prune(&["--dry-run"]).document();
    let removed: Vec<_> =
        document["pruned"]["removed"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(removed, [&Value::from(all[0].as_str()), &Value::from(all[2].as_str())], "{document:#}");
    assert_eq!((&document["pruned"]["dry_run"], &document["exit_code"]), (&true.into(), &0.into()));
    assert_eq!(ids(&site), all);
    prune(&[]).exit(4).says(["2 backups would be removed, 2 kept", "not confirmed", "--yes"]);
    assert_eq!(prune(&[]).document()["exit_code"], 4, "one document");
    assert_eq!(ids(&site), all);
    prune(&["--yes"]).exit(0).says("removed 2 backups, kept 2");
    assert_eq!(ids(&site), [all[1].clone(), all[3].clone()]);
    assert_eq!(site.stored().len(), 2, "nothing of them is left");
    prune(&["--yes"]).exit(0).says("removed 0 backups, kept 2");
}

#[test]
fn a_damaged_manifest_is_listed_as_damaged_and_prune_leaves_it() {
    let (site, all) = four();
    let manifest = site.store().join(&all[0]).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"public.a\"", "\"public.x\"")).unwrap();
    let listed = site.listed();
    let damaged: Vec<_> = listed.iter().filter(|one| one["damaged"].is_string()).collect();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0]["id"], all[0].as_str());
    site.backup(&["list"]).exit(0).says("damaged: ");
    site.backup(&["verify", &all[0]]).exit(1).says(["cannot be used", "damaged or changed"]);
    site.settings("keep_last = 1");
    site.backup(&["prune", "--yes"])
        .exit(0)
        .says(format!("{} stays", all[0]))
        .says("removed 1 backup, kept 3");
    assert!(manifest.exists());
    // One that calls itself another one.
    let copy = site.store().join(&all[1]).join("manifest.json");
    fs::copy(site.store().join(&all[3]).join("manifest.json"), &copy).unwrap();
    site.backup(&["list"]).env("COLUMNS", "200").exit(0).says("is that of backup");
}

#[test]
fn a_backup_is_found_by_a_part_of_its_identifier() {
    let (site, all) = four();
    let verify = |word: &str| site.backup(&["verify", word, "--level", "quick"]);
    verify(&all[2][16..].to_lowercase()).exit(0).says(format!("backup {} is OK", &all[2][..10]));
    verify("latest").exit(0).says(format!("backup {} is OK", &all[3][..10]));
    verify(&all[1][..10]).exit(0).says(format!("backup {} is OK", &all[1][..10]));
    // No ULID has a U.
    for nothing in ["u", "../..", "01J*"] {
        verify(nothing).exit(2).says("there is no backup");
    }
}

/// What an empty variable of a shell gives, and what is typed in a hurry, never means a backup.
#[test]
fn f64_an_empty_or_short_identifier_means_no_backup() {
    let (site, all) = four();
    let only = site.store().join(&all[3]);
    for command in
        [&["backup", "verify"][..], &["restore", "--yes", "--into", "postgres://nobody@127.0.0.1:1/x"]]
    {
        let run = |typed: &str| {
            let call = support::trueup(command).arg(typed).current_dir(site.dir());
            call.env("DATABASE_URL", site.database.url())
        };
        for empty in ["", " "] {
            run(empty).exit(2).says("the identifier of the backup is empty");
        }
        for short in ["0", &all[3][..5]] {
            run(short).exit(2).says(&all[3]).says(["too short for the identifier of a backup", "at least 6"]);
        }
    }
    for id in &all[..3] {
        fs::remove_dir_all(site.store().join(id)).unwrap();
    }
    site.backup(&["verify", &all[3][..5]]).exit(2).says(&all[3]).says("too short");
    assert!(only.exists());
}

/// A removal that broke off leaves no backup, and nothing that stays for good.
#[test]
fn what_a_removal_left_is_swept() {
    let (site, all) = four();
    let place = site.store().join(&all[0]);
    fs::rename(&place, site.store().join(format!("{}.partial", all[0]))).unwrap();
    assert_eq!(ids(&site), all[1..]);
    site.settings("keep_last = 9");
    site.backup(&["prune", "--yes"]).exit(0).says(["removed 0 backups", "interrupted backup left behind"]);
    assert_eq!(site.stored(), all[1..]);
}
