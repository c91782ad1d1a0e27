//! A local server: started from a copy of the template, watched, stopped, removed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::account::Account;
use super::find::Binaries;
use super::sweep;
use super::template::Template;
use super::workspace::{Home, Workspace};
use crate::error::{ErrorCode, Failure};
use crate::text::hexadecimal;

/// The superuser of local servers.
pub(super) const SUPERUSER: &str = "trueup_scratch";

/// How long a start may take on a machine that is busy with other things; 50 ms is usual.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing of a scratch server must outlive a crash, so nothing is written with care; it listens on its private
/// socket alone, unless a program is to reach it over the loopback interface; and it keeps what would make two runs differ (autovacuum, compiled expressions) out.
const SETTINGS: [&str; 22] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "min_wal_size=2MB",
    "max_wal_size=64MB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "jit=off",
    "max_connections=100",
    "shared_buffers=64MB",
    // A schema of 10,000 tables loaded in one transaction takes a lock on each table and index.
    "max_locks_per_transaction=512",
    "max_prepared_transactions=10",
    "max_logical_replication_workers=0",
    // Shared memory as files of the data directory: kill -9 leaves nothing in /dev/shm.
    "dynamic_shared_memory_type=mmap",
    "log_statement=none",
    // The log is read, see log.rs.
    "log_line_prefix=%m [%p] ",
    "log_error_verbosity=default",
    "logging_collector=off",
];

const WATCHDOG: &str = include_str!("watchdog.sh");

/// A running server. Dropping it stops it and removes its directory.
#[derive(Debug)]
pub(super) struct Local {
    postmaster: Child,
    // Dropped in this order, after the postmaster has ended: the directory goes, then the watchdog.
    workspace: Workspace,
    bin_dir: PathBuf,
    loopback: Option<Loopback>,
    _watchdog: Watchdog,
}

/// How a program reaches the server over the loopback interface, which every user of the machine can do: by a password.
#[derive(Debug)]
struct Loopback {
    port: u16,
    password: String,
}

/// Who may connect: trueup by the private socket, and a program that has the password.
const WITH_PASSWORD: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

impl Loopback {
    /// A free port, and a password.
    ///
    /// # Errors
    /// The machine's.
    fn new() -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut bytes = [0; 24];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self { port, password: hexadecimal(&bytes) })
    }
}

impl Local {
    /// Starts a server of these binaries. Blocks; returns when it takes connections.
    ///
    /// # Errors
    /// When there is no place for it, or with the end of its log when it does not start (exit 3).
    pub(super) fn start(
        account: Account,
        binaries: &Binaries,
        loopback: bool,
        rows: Option<u64>,
    ) -> Result<Self> {
        let home = Home::open(account, rows)?;
        sweep::leftovers(&home);
        let template = Template::of(&home, binaries);
        if template.exists() {
            if let Ok(server) = Self::from_template(account, binaries, &home, &template, loopback) {
                return Ok(server);
            }
            template.forget();
        }
        template.make(account, &home, binaries)?;
        Self::from_template(account, binaries, &home, &template, loopback)
    }

    fn from_template(
        account: Account,
        binaries: &Binaries,
        home: &Home,
        template: &Template,
        loopback: bool,
    ) -> Result<Self> {
        let workspace = home.workspace()?;
        let mut watchdog = Watchdog::start(account, &workspace)?;
        template.copy(account, &workspace, &mut watchdog)?;
        let log = File::create_new(workspace.log())?;
        let mut postgres = account.command(binaries.dir.join("postgres"));
        postgres.arg("-D").arg(workspace.data()).arg("-k").arg(&workspace.path);
        for setting in SETTINGS {
            postgres.arg("-c").arg(setting);
        }
        let loopback = loopback.then(Loopback::new).transpose()?;
        if let Some(Loopback { port, .. }) = &loopback {
            let rules = workspace.write("pg_hba.conf", WITH_PASSWORD, account)?;
            postgres.arg("-c").arg(format!("hba_file={}", rules.display()));
            postgres.arg("-c").arg(format!("port={port}")).arg("-c").arg("listen_addresses=127.0.0.1");
        }
        let postmaster = postgres
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| binaries.dir.join("postgres").display().to_string())?;
        watchdog.group(Some(postmaster.id()));
        let bin_dir = binaries.dir.clone();
        let mut server = Self { postmaster, workspace, bin_dir, loopback, _watchdog: watchdog };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Waits for the line that the postmaster writes for `pg_ctl` (`miscadmin.h`, `LOCK_FILE_LINE_PM_STATUS`).
    fn wait_until_ready(&mut self) -> Result<()> {
        let status = self.workspace.data().join("postmaster.pid");
        let started = Instant::now();
        loop {
            if std::fs::read_to_string(&status)
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim_end() == "ready"))
            {
                return Ok(());
            }
            let ended = self.postmaster.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let how = ended.map_or_else(
                    || format!("was not ready after {} s", PATIENCE.as_secs()),
                    |status| format!("ended with {status}"),
                );
                return Err(Failure::cannot_tell(format!(
                    "the scratch server did not start: it {how}\n{}",
                    tail(&self.workspace.log())
                ))
                .code(ErrorCode::SCRATCH_UNAVAILABLE)
                .next("try other binaries with --pg-bin, or give a server with --scratch-url")
                .into());
            }
            pause(2);
        }
    }

    /// Where its programs are.
    pub(super) fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// Its log.
    pub(super) fn log(&self) -> PathBuf {
        self.workspace.log()
    }

    /// Its port, which the name of the socket has, too.
    pub(super) fn port(&self) -> u16 {
        self.loopback.as_ref().map_or(5432, |loopback| loopback.port)
    }

    /// The password that is needed over the loopback interface; `None` where it does not listen there.
    pub(super) fn password(&self) -> Option<&str> {
        self.loopback.as_ref().map(|loopback| loopback.password.as_str())
    }

    /// The directory of its socket.
    pub(super) fn socket_dir(&self) -> &Path {
        &self.workspace.path
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // SIGQUIT is the immediate shutdown: 10 ms, and nothing here is worth a checkpoint.
        signal(&self.postmaster, Signal::SIGQUIT);
        let asked = Instant::now();
        while matches!(self.postmaster.try_wait(), Ok(None)) {
            if asked.elapsed() > Duration::from_secs(10) {
                signal(&self.postmaster, Signal::SIGKILL);
                let _ = self.postmaster.wait();
                break;
            }
            pause(1);
        }
    }
}

/// A shell that ends the server and removes its directory when this process is gone, however it went.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts it, before there is anything to watch.
    ///
    /// # Errors
    /// When there is no shell.
    pub(super) fn start(account: Account, workspace: &Workspace) -> Result<Self> {
        let mut shell = account
            .command("sh")
            .arg("-c")
            .arg(WATCHDOG)
            .arg("trueup-watchdog")
            .arg(&workspace.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh, which watches over the scratch server")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Tells it which process group is to be ended.
    pub(super) fn group(&mut self, leader: Option<u32>) {
        if let Some(pipe) = &mut self.pipe {
            let line = leader.map_or_else(|| "\n".to_owned(), |leader| format!("{leader}\n"));
            // A watchdog that somebody killed is missed only by a crash; then the next start sweeps.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.group(None);
        self.pipe = None;
        let _ = self.shell.wait();
    }
}

/// Waits some milliseconds.
#[allow(
    clippy::disallowed_methods,
    reason = "on tokio's blocking threads and in drop: there is nothing to await with"
)]
pub(super) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn signal(leader: &Child, signal: Signal) {
    if let Ok(leader) = i32::try_from(leader.id()) {
        let _ = killpg(Pid::from_raw(leader), signal);
    }
}

/// The end of a log, for the operator.
fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
