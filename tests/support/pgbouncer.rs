//! The real pgbouncer, in front of a test's server.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::TestDatabase;

/// Ends pgbouncer when the pipe ends, that is with the test process, however that ends.
const WATCHED: &str = r#"trap '' INT; "$1" "$2" & read -r _; kill -TERM $!; wait; rm -rf "$3""#;

/// A pooler, ended on drop. Its clients may name any user: on the server they are all the role it was started with.
pub(crate) struct PgBouncer {
    shell: Child,
    dir: PathBuf,
    database: String,
    role: String,
}

/// The program, where `scripts/pgbouncer` finds or puts it; `None` where it is not installed.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .chain(super::cache().map(|cache| cache.join("pgbouncer")))
        .map(|dir| dir.join("pgbouncer"))
        .find(|program| program.is_file())
}

impl PgBouncer {
    /// Starts one in transaction mode in front of `database`'s server, with that many server connections, logged in as
    /// `role`: a superuser, which is made where there is none.
    pub(crate) fn start(database: &TestDatabase, role: &str, pool_size: u32) -> Self {
        Self::start_in("transaction", database, role, pool_size)
    }

    /// The same in another mode than that of transactions.
    pub(crate) fn start_in(mode: &str, database: &TestDatabase, role: &str, pool_size: u32) -> Self {
        let program = program().expect("pgbouncer: run scripts/pgbouncer");
        // Two tests may make it at the same moment.
        database.exec(&format!(
            "DO 'BEGIN CREATE ROLE {role} SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END'"
        ));
        let server = database.socket_dir();
        // pgbouncer refuses to run as root, and the server's socket is its account's alone.
        let owner = server.metadata().expect("the server's directory");
        let dir = tempfile::Builder::new().prefix("pgb").tempdir_in("/tmp").expect("a directory").keep();
        let config = dir.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={} port=5432 user={role}\n\
             [pgbouncer]\npool_mode = {mode}\nauth_type = any\nunix_socket_dir = {}\nlisten_port = 6432\n\
             default_pool_size = {pool_size}\nmax_client_conn = 100\nlog_connections = 0\nlog_disconnections = 0\n",
            server.display(),
            dir.display()
        );
        std::fs::write(&config, text).expect("its configuration");
        std::os::unix::fs::chown(&dir, Some(owner.uid()), Some(owner.gid())).expect("given to its account");
        std::os::unix::fs::chown(&config, Some(owner.uid()), Some(owner.gid()))
            .expect("given to its account");
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, "pgbouncer"]).args([&program, &config, &dir]);
        if nix::unistd::Uid::effective().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let shell = command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sh");
        let pooler = Self { shell, dir, database: database.name().to_owned(), role: role.to_owned() };
        pooler.wait_until_it_listens();
        pooler
    }

    fn wait_until_it_listens(&self) {
        let started = Instant::now();
        while std::os::unix::net::UnixStream::connect(self.dir.join(".s.PGSQL.6432")).is_err() {
            let log = || std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(10), "pgbouncer does not listen:\n{}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The URL of the test's database through the pooler.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://{}@localhost:6432/{}?host={}", self.role, self.database, self.dir.display())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.shell.stdin = None;
        let _ = self.shell.wait();
    }
}
