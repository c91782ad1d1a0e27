//! A server with the memory that a database of 10,000 tables is given, which a scratch server is not. It is removed
//! when it is dropped.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use tempfile::TempDir;

const SETTINGS: [&str; 11] = [
    "listen_addresses=",
    "shared_buffers=512MB",
    "max_connections=50",
    "max_wal_size=2GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
];

/// How many locks a transaction may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Locks {
    /// As a server has it that nobody has configured.
    Default,
    /// On every relation of 10,000 tables.
    Many,
}

pub(crate) struct Server {
    postmaster: Child,
    directory: TempDir,
    bin_dir: PathBuf,
}

impl Server {
    /// Makes and starts one, of the programs in this directory.
    pub(crate) fn start(bin_dir: &Path, locks: Locks) -> Result<Self> {
        let base = [Path::new("/dev/shm"), Path::new("/tmp")].into_iter().find(|path| path.is_dir());
        let directory = tempfile::Builder::new().prefix("trueup-bench-").tempdir_in(base.context("/tmp")?)?;
        // PostgreSQL refuses to run as root.
        let mut account = None;
        if Uid::effective().is_root() {
            let user = User::from_name("postgres")?.or(User::from_name("nobody")?);
            let user = user.context("a user postgres or nobody")?;
            chown(directory.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            account = Some((user.uid.as_raw(), user.gid.as_raw()));
        }
        let command = |name: &str| {
            let mut command = Command::new(bin_dir.join(name));
            if let Some((uid, gid)) = account {
                command.uid(uid).gid(gid);
            }
            command.current_dir(directory.path()).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let data = directory.path().join("data");
        let made = command("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .status()?;
        ensure!(made.success(), "initdb: {made}");
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path());
        for setting in SETTINGS {
            postgres.arg("-c").arg(setting);
        }
        if let Locks::Many = locks {
            postgres.args(["-c", "max_locks_per_transaction=2048"]);
        }
        let postmaster = postgres.stderr(Stdio::null()).spawn()?;
        let server = Self { postmaster, directory, bin_dir: bin_dir.to_owned() };
        server.wait_until_ready()?;
        Ok(server)
    }

    #[allow(clippy::disallowed_methods, reason = "a benchmark may wait")]
    fn wait_until_ready(&self) -> Result<()> {
        let begin = Instant::now();
        while !self
            .program("psql")
            .args(self.psql("postgres"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
            .success()
        {
            ensure!(begin.elapsed() < Duration::from_secs(60), "the server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// One of its programs, without an environment.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin_dir.join(name));
        command.env_clear();
        command
    }

    /// The directory of PostgreSQL's programs.
    pub(crate) fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@/{database}?host={}", self.directory.path().display())
    }

    /// The arguments with which psql runs one statement.
    fn psql(&self, database: &str) -> [String; 6] {
        ["-X", "-q", "-d", &self.url(database), "-c", "SELECT"].map(str::to_owned)
    }

    /// Makes a database of scripts.
    pub(crate) fn create_database(&self, name: &str, scripts: &[&Path]) -> Result<()> {
        self.statement("postgres", &format!("CREATE DATABASE {name}"))?;
        if scripts.is_empty() {
            return Ok(());
        }
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(name)]).stdout(Stdio::null());
        for script in scripts {
            psql.arg("-f").arg(script);
        }
        let loaded = psql.status()?;
        ensure!(loaded.success(), "psql: {loaded}");
        Ok(())
    }

    /// Drops a database, where it is there.
    pub(crate) fn drop_database(&self, name: &str) -> Result<()> {
        self.statement("postgres", &format!("DROP DATABASE IF EXISTS {name}")).map(|_| ())
    }

    /// Runs one statement, and returns what psql prints of it, unaligned.
    pub(crate) fn statement(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", sql]);
        psql.env("PGOPTIONS", "-c client_min_messages=warning");
        let output = psql.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "{sql}: {}", output.status);
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown: nothing of it is wanted any more.
        if let Ok(pid) = i32::try_from(self.postmaster.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
        }
        let _ = self.postmaster.wait();
    }
}
