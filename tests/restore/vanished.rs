//! The lock on the name of the database that is restored: it ends soon after its client is gone, whatever is between the
//! two, and never before.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::site::{Site, beside, databases, values};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

/// The server ends a session that nobody has used for a minute.
const ENDS_WITHIN: Duration = Duration::from_secs(75);

fn site_with_backup() -> (Site, TestDatabase) {
    let (site, database) = (Site::new(""), support::database());
    database.exec("CREATE TABLE public.users AS SELECT generate_series(1, 10) AS id");
    site.trueup(["backup"], &database).exit(0);
    (site, database)
}

/// A directory of programs in which `pg_restore` does this before it restores into a database. `$HERE` is the directory.
fn programs(site: &Site, database: &TestDatabase, first: &str) -> PathBuf {
    let bin = site.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
    let real = &database.server.bin_dir;
    let script = format!(
        "#!/bin/sh\nHERE='{}'\ncase \"$*\" in *--dbname=*) {first};; esac\nexec '{}' \"$@\"\n",
        bin.display(),
        real.join("pg_restore").display()
    );
    fs::write(bin.join("pg_restore"), script).unwrap();
    fs::set_permissions(bin.join("pg_restore"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink(real.join("pg_dump"), bin.join("pg_dump")).unwrap();
    bin
}

fn restore<'a>(into: &'a str, bin: &'a Path) -> [&'a str; 7] {
    ["restore", "latest", "--yes", "--into", into, "--pg-bin", bin.to_str().unwrap()]
}

/// A client that is gone without a word, behind a proxy that keeps its connection: nothing tells the server so.
#[test]
fn f06_the_lock_of_a_client_that_is_gone_ends_within_a_minute() {
    let (site, database) = site_with_backup();
    let bin = programs(&site, &database, "touch $HERE/begun; sleep 10");
    let name = format!("{}_copy", database.name());
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    let into = beside(&database, &name);
    let own = database.socket_dir();
    let through = into.replace(own.to_str().unwrap(), proxy.dir().to_str().unwrap());
    let child = site.trueup(restore(&through, &bin), &database).start();
    wait_for("pg_restore", || bin.join("begun").exists());
    proxy.stall();
    let began = Instant::now();
    child.stop(Signal::SIGKILL, Duration::from_secs(5)).killed();
    let again = ["restore", "latest", "--yes", "--into", &into];
    site.trueup(again, &database).exit(75).says(["another run is restoring", name.as_str()]);
    while site.trueup(again, &database).exit_in(&[0, 75]).code() == Some(75) {
        assert!(began.elapsed() < ENDS_WITHIN, "the lock is kept");
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!(values(&into, "SELECT count(*) FROM public.users"), ["10"]);
    assert_eq!(databases(&database, &format!("{name}_restoring_")), Vec::<String>::new());
    values(&beside(&database, "postgres"), &format!("DROP DATABASE {name}"));
}

/// The client is there: what it restores takes as long as it takes.
#[test]
fn f06_a_restore_that_takes_longer_than_that_keeps_its_lock() {
    let (site, database) = site_with_backup();
    let bin = programs(&site, &database, "touch $HERE/begun; sleep 65");
    let name = format!("{}_copy", database.name());
    let into = beside(&database, &name);
    let child = site.trueup(restore(&into, &bin), &database).start();
    wait_for("pg_restore", || bin.join("begun").exists());
    std::thread::sleep(Duration::from_secs(62));
    site.trueup(["restore", "latest", "--yes", "--into", &into], &database)
        .exit(75)
        .says(["another run is restoring", name.as_str()]);
    child.ended().exit(0);
    assert_eq!(values(&into, "SELECT count(*) FROM public.users"), ["10"]);
    values(&beside(&database, "postgres"), &format!("DROP DATABASE {name}"));
}
