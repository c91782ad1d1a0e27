//! Places where somebody else could put something in a backup's way.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use trueup::backup::Store;
use trueup::error::{Exit, exit_of};

use super::site::Site;
use crate::support;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn f56_a_link_a_file_and_a_directory_of_everybody_are_refused() {
    let site = Site::new();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), site.store()).unwrap();
    site.backup(&[]).exit(4).says(["is a symbolic link", "[backup] store"]);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    fs::remove_file(site.store()).unwrap();
    symlink("nowhere", site.store()).unwrap();
    site.backup(&[]).exit(4).says("is a symbolic link");
    fs::remove_file(site.store()).unwrap();
    fs::write(site.store(), "").unwrap();
    site.backup(&[]).exit(4).says("is not a directory");
    fs::remove_file(site.store()).unwrap();
    fs::create_dir(site.store()).unwrap();
    for mode in [0o777, 0o1777, 0o770, 0o720] {
        set_mode(&site.store(), mode);
        site.backup(&[]).exit(4).says(["can be written to by others", "chmod go-w"]);
        site.nothing();
    }
    set_mode(&site.store(), 0o755);
    site.backup(&[]).exit(0);
}

/// Root may write everywhere: somebody else tries.
#[test]
fn f56_a_directory_of_somebody_else_and_one_that_cannot_be_written_to_are_refused() {
    let site = Site::new();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().expect("a user nobody");
    let root = nix::unistd::geteuid().is_root();
    let refused = |word: &str| {
        let mut backup = site.backup(&[]);
        if root {
            backup = backup.with(|command| command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw()));
            backup = backup.env("TMPDIR", "/tmp");
        }
        backup.exit(4).says(word);
    };
    // Root's own, whoever this is.
    site.settings("store = \"/usr\"");
    refused("belongs to another user");
    site.settings("");
    fs::create_dir(site.store()).unwrap();
    if root {
        chown(site.store(), Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    }
    set_mode(&site.store(), 0o500);
    refused("cannot be written to");
    set_mode(&site.store(), 0o700);
    site.settings("store = \"/proc/backups\"");
    refused("cannot be written to");
}

#[test]
fn f56_what_is_there_already_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = dir.path().join("backups");
    let (store, runtime) = (Store::local(&path), support::runtime());
    fs::create_dir(&path).unwrap();
    set_mode(&path, 0o700);
    for name in ["01J", "01J.partial"] {
        let made = path.join(name);
        let links: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&made).unwrap(),
            &|| fs::write(&made, "").unwrap(),
            &|| symlink(elsewhere.path(), &made).unwrap(),
            &|| symlink("nowhere", &made).unwrap(),
        ];
        for make in links {
            make();
            let error = runtime.block_on(store.begin("01J")).unwrap_err();
            assert_eq!(exit_of(&error), Exit::Refused, "{error:#}");
            if made.symlink_metadata().unwrap().is_dir() {
                fs::remove_dir(&made).unwrap();
            } else {
                fs::remove_file(&made).unwrap();
            }
        }
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(runtime.block_on(store.begin("01J")).is_ok());
}
