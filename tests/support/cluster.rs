//! A server with roles, passwords, pg_hba lines and TLS: what the scratch server, which trusts everybody on a private
//! socket, has none of.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

const HBA: &str = "\
local all all trust
local replication all trust
host all postgres 127.0.0.1/32 trust
host all app 127.0.0.1/32 trust
host all gym_app 127.0.0.1/32 trust
host all secured 127.0.0.1/32 scram-sha-256
host all guarded 127.0.0.1/32 scram-sha-256
host all cannot_login 127.0.0.1/32 trust
hostssl all encrypted 127.0.0.1/32 trust
";

/// A line is run at a time. Role `guarded` and the database of its name are for a test that sets the password.
const SETUP: &str = "\
CREATE ROLE app LOGIN; CREATE ROLE secured LOGIN PASSWORD 'right:one'; CREATE ROLE guarded LOGIN;
CREATE ROLE cannot_login; CREATE ROLE encrypted LOGIN; CREATE ROLE forbidden LOGIN;
CREATE DATABASE shop;
CREATE DATABASE guarded;
CREATE DATABASE quiet;
CREATE DATABASE closed;
REVOKE CONNECT ON DATABASE closed FROM PUBLIC;
CREATE DATABASE crowded CONNECTION LIMIT 0;
";

/// A running server; stopped and removed with the last user, and when the test process dies.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    dir: PathBuf,
    bin_dir: PathBuf,
    watchdog: Child,
    /// The watchdog stops the server when this end of the pipe closes.
    leash: Option<ChildStdin>,
}

/// The cluster that the running tests share.
pub(crate) fn cluster() -> Arc<Cluster> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let cluster = Arc::new(Cluster::start(&[]));
        *shared = Arc::downgrade(&cluster);
        cluster
    })
}

impl Cluster {
    /// Starts a server with these settings beside the usual ones.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let (bin_dir, dir) = (bin_dir(), directory());
        let data = dir.join("data");
        let mut initdb = Command::new(bin_dir.join("initdb"));
        initdb.args(["-A", "trust", "-U", "postgres", "-N", "--no-locale", "-E", "UTF8", "-D"]).arg(&data);
        succeeds(as_server_user(&mut initdb, &dir));
        let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
        for name in ["server.pem", "server.key"] {
            let copy = data.join(name);
            fs::copy(tls.join(name), &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
            hand_over(&copy);
        }
        fs::write(data.join("pg_hba.conf"), HBA).unwrap();
        let cluster = Self::launch(bin_dir, dir, settings);
        for statement in SETUP.lines() {
            cluster.psql(statement);
        }
        cluster
    }

    /// A standby that streams from this server, and has all that is there now.
    pub(crate) fn standby(&self) -> Self {
        let dir = directory();
        let mut copy = Command::new(self.bin_dir.join("pg_basebackup"));
        copy.args(["-R", "-N", "-c", "fast", "-U", "postgres", "-p", &self.port.to_string()]);
        copy.arg("-h").arg(&self.dir).arg("-D").arg(dir.join("data"));
        succeeds(as_server_user(&mut copy, &dir));
        Self::launch(self.bin_dir.clone(), dir, &["hot_standby=on"])
    }

    /// Fills one of its databases with what another server's has.
    pub(crate) fn load(&self, database: &str, from: &str) {
        let mut dump = Command::new(self.bin_dir.join("pg_dump"))
            .args(["-O", "-x"])
            .arg(from)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut psql = Command::new(self.bin_dir.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-p",
            &self.port.to_string(),
            "-h",
        ]);
        psql.arg(&self.dir).args(["-d", database]).stdin(dump.stdout.take().unwrap());
        succeeds(&mut psql);
        assert!(dump.wait().unwrap().success(), "pg_dump");
    }

    fn launch(bin_dir: PathBuf, dir: PathBuf, settings: &[&str]) -> Self {
        // Another process may take the port before the server does; then the start fails and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut watchdog = Command::new("sh");
        watchdog
            .arg("-c")
            .arg(r#"dir=$1; shift; "$@" </dev/null >"$dir/log" 2>&1 & cat >/dev/null; kill -QUIT $!; wait; rm -rf "$dir""#)
            .arg("watchdog")
            .arg(&dir)
            .arg(bin_dir.join("postgres"))
            .arg("-D")
            .arg(dir.join("data"))
            .arg("-k")
            .arg(&dir)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F", "-c", "ssl=on"])
            .args(["-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key"])
            .args(["-c", "password_encryption=scram-sha-256", "-c", "lc_messages=C"])
            .stdin(Stdio::piped());
        for setting in settings {
            watchdog.args(["-c", setting]);
        }
        let mut watchdog = as_server_user(&mut watchdog, &dir).spawn().expect("sh");
        let leash = watchdog.stdin.take().unwrap();
        let cluster = Self { port, dir, bin_dir, watchdog, leash: Some(leash) };
        cluster.wait();
        cluster
    }

    /// A URL over TCP; `place` is `role@host`, `rest` the database and its parameters.
    pub(crate) fn url(&self, place: &str, rest: &str) -> String {
        format!("postgres://{place}:{}/{rest}", self.port)
    }

    /// Where `psql`, `pg_dump` and the rest are.
    pub(crate) fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }

    /// The directory of the socket.
    pub(crate) fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Kills one of the server's processes: it ends all sessions, recovers and starts again.
    pub(crate) fn crash(&self) {
        let pid = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap();
        let children =
            Command::new("pgrep").args(["-P", postmaster, "-f", "background writer"]).output().unwrap();
        let child: i32 = String::from_utf8(children.stdout).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.try_psql("select 1") {
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn psql(&self, sql: &str) {
        assert!(self.try_psql(sql), "{sql}");
    }

    pub(crate) fn try_psql(&self, sql: &str) -> bool {
        Command::new(self.bin_dir.join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", sql, "-h"])
            .arg(&self.dir)
            .args(["-p", &self.port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("psql")
            .success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.watchdog.wait();
    }
}

/// A directory of the server's user.
fn directory() -> PathBuf {
    let dir = tempfile::Builder::new().prefix("trueup-connect-").tempdir().unwrap().keep();
    hand_over(&dir);
    dir
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let done = command.output().expect("it can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn bin_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("TRUEUP_PG_BIN") {
        return dir.into();
    }
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .filter(|dir| dir.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL's binaries: set TRUEUP_PG_BIN")
}

/// Root starts no server: the user `postgres`, else `nobody`, does.
fn server_user() -> Option<nix::unistd::User> {
    nix::unistd::geteuid().is_root().then(|| {
        let of = |name| nix::unistd::User::from_name(name).unwrap();
        of("postgres").or_else(|| of("nobody")).expect("a user for the server")
    })
}

fn as_server_user<'c>(command: &'c mut Command, cwd: &Path) -> &'c mut Command {
    command.current_dir(cwd);
    if let Some(user) = server_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn hand_over(path: &Path) {
    if let Some(user) = server_user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    }
}

/// A script for a server that is none: what it answers to each connection.
pub(crate) fn fake_server(answer: impl Fn(usize, &mut std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            answer(number, &mut stream);
            let _ = stream.flush();
        }
    });
    port
}
