//! What the tests that need a server share: one throwaway server per test process, one database per test.
//!
//! The server is never stopped by hand: it is a static, and its watchdog removes it when the process ends, also by
//! a panic or a kill. `TRUEUP_TEST_MAJOR` chooses the major.

pub(crate) mod cluster;
pub(crate) mod other;
pub(crate) mod pgbouncer;
pub(crate) mod program;
pub(crate) mod project;
pub(crate) mod proxy;
pub(crate) mod steady;
pub(crate) mod terminal;
pub(crate) mod tools;
pub(crate) mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

use program::{Program, Ran};
use trueup::postgres::connection::{OwnedRow, ServerVersion, Session, Target};
use trueup::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};

/// One row of an answer, in the server's text format.
pub(crate) type Row = Vec<Option<String>>;

/// A server that lives as long as the test process. It belongs to a thread of its own, so that tests with and
/// without a runtime can ask it for databases.
pub(crate) struct TestServer {
    pub(crate) version: ServerVersion,
    /// Where `psql`, `pg_dump` and the rest are.
    pub(crate) bin_dir: PathBuf,
    requests: Mutex<mpsc::Sender<Request>>,
}

enum Request {
    Create(mpsc::Sender<(ScratchDatabase, String)>),
    Drop(ScratchDatabase),
}

impl TestServer {
    fn start(major: Option<u32>) -> Arc<Self> {
        let (requests, inbox) = mpsc::channel();
        let (started, answer) = mpsc::channel();
        std::thread::spawn(move || serve(major, &inbox, &started));
        let (version, bin_dir) = answer.recv().expect("a scratch server");
        Arc::new(Self { version, bin_dir, requests: Mutex::new(requests) })
    }

    /// A fresh, empty database.
    pub(crate) fn database(self: &Arc<Self>) -> TestDatabase {
        let (reply, answer) = mpsc::channel();
        self.request(Request::Create(reply));
        let (database, url) = answer.recv().expect("a database");
        TestDatabase { server: Arc::clone(self), database: Some(database), url }
    }

    /// One of PostgreSQL's own programs (`psql`, `pg_dump`, ...), of this server's version.
    pub(crate) fn program(&self, name: &str) -> Program {
        Program::of(self.bin_dir.join(name))
    }

    fn request(&self, request: Request) {
        let requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        requests.send(request).expect("the server's thread");
    }
}

fn serve(
    major: Option<u32>,
    inbox: &mpsc::Receiver<Request>,
    started: &mpsc::Sender<(ServerVersion, PathBuf)>,
) {
    let runtime = runtime();
    let options = ScratchOptions {
        bin_dir: std::env::var_os("TRUEUP_PG_BIN").map(Into::into),
        major,
        ..Default::default()
    };
    let mut scratch = match runtime.block_on(Scratch::start(&options)) {
        Ok(scratch) => scratch,
        Err(why) => panic!("{why:#}"),
    };
    let bin_dir = scratch.bin_dir().expect("a local server").to_owned();
    started.send((scratch.version(), bin_dir)).expect("a test waits for it");
    for request in inbox {
        match request {
            Request::Create(reply) => {
                let database = runtime.block_on(scratch.create_database()).expect("a database");
                let url = scratch.url(&database);
                reply.send((database, url)).expect("a test waits for it");
            }
            Request::Drop(database) => runtime.block_on(scratch.drop_database(database)).expect("dropped"),
        }
    }
}

/// The server of this test process: of the major that `TRUEUP_TEST_MAJOR` names, else of the one that is installed.
pub(crate) fn server() -> Arc<TestServer> {
    server_of(major())
}

fn major() -> Option<u32> {
    std::env::var("TRUEUP_TEST_MAJOR").ok().map(|text| text.parse().expect("a major"))
}

/// A server of one test, which no other test disturbs; removed when the last of its databases is dropped.
pub(crate) fn own_server() -> Arc<TestServer> {
    TestServer::start(major())
}

/// The server of this test process of a certain major.
pub(crate) fn server_of(major: Option<u32>) -> Arc<TestServer> {
    static SERVERS: LazyLock<Mutex<HashMap<Option<u32>, Arc<TestServer>>>> = LazyLock::new(Mutex::default);
    // When a start fails, every test says why, not only the first.
    let mut servers = SERVERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::clone(servers.entry(major).or_insert_with(|| TestServer::start(major)))
}

/// A fresh, empty database on [`server`].
pub(crate) fn database() -> TestDatabase {
    server().database()
}

/// A database of one test, dropped at its end with whoever is still connected.
pub(crate) struct TestDatabase {
    pub(crate) server: Arc<TestServer>,
    database: Option<ScratchDatabase>,
    url: String,
}

impl TestDatabase {
    pub(crate) fn name(&self) -> &str {
        self.database.as_ref().expect("not dropped yet").name()
    }

    /// Its URL as the server's superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its URL as another role; the server trusts everybody who reaches its socket.
    pub(crate) fn url_as(&self, role: &str) -> String {
        let mut url = url::Url::parse(&self.url).expect("a URL");
        url.set_username(role).expect("a role");
        url.into()
    }

    /// The directory of the server's socket, whose port is 5432.
    pub(crate) fn socket_dir(&self) -> PathBuf {
        let url = url::Url::parse(&self.url).expect("a URL");
        url.query_pairs()
            .find(|(key, _)| key == "host")
            .map(|(_, dir)| dir.into_owned().into())
            .expect("a socket")
    }

    /// A session of the test's own runtime.
    pub(crate) async fn connect(&self) -> Session {
        Target::parse(&self.url).expect("a URL").connect("test").await.expect("a session")
    }

    /// Runs SQL of any number of statements, in one implicit transaction as the simple protocol has it.
    #[track_caller]
    pub(crate) fn exec(&self, sql: &str) {
        self.query(sql);
    }

    /// Runs SQL and returns the rows of all its statements.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<Row> {
        match self.try_query(sql) {
            Ok(rows) => rows,
            Err(why) => panic!("{why:#}\n{sql}"),
        }
    }

    /// The one value of the one row that a query returns.
    #[track_caller]
    pub(crate) fn value(&self, sql: &str) -> String {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "one row: {sql}");
        rows.remove(0).remove(0).expect("not NULL")
    }

    /// As [`Self::query`], for SQL that may fail.
    pub(crate) fn try_query(&self, sql: &str) -> anyhow::Result<Vec<Row>> {
        try_query_at(&self.url, sql)
    }

    /// Feeds a script to `psql`, for what only it understands (`\restrict`, `COPY ... FROM stdin`).
    #[track_caller]
    pub(crate) fn psql(&self, script: &str) -> String {
        self.try_psql(script).exit(0).stdout().to_owned()
    }

    /// Feeds a script to `psql`, which stops at its first error.
    #[track_caller]
    pub(crate) fn try_psql(&self, script: &str) -> Ran {
        let file = scratch_file(script);
        let psql = self.server.program("psql").case(script);
        let options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-f"];
        let ran = psql.args(options).arg(&file).run();
        let _ = std::fs::remove_file(&file);
        ran
    }
}

/// Runs SQL at a URL and returns the rows of all its statements.
pub(crate) fn try_query_at(url: &str, sql: &str) -> anyhow::Result<Vec<Row>> {
    let work = async {
        let mut session = Target::parse(url)?.connect("test").await?;
        let mut rows = Vec::new();
        session
            .message(sql.to_owned(), |_, row| {
                rows.push((0..row.len()).map(|column| row.text(column).map(str::to_owned)).collect());
                Ok(())
            })
            .await?;
        session.close().await;
        Ok(rows)
    };
    // A thread of its own: the test may be running inside a runtime.
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(work)).join().expect("no panic"))
}

/// Sends one message, and returns the rows of all its statements as texts.
pub(crate) async fn rows(session: &mut Session, sql: impl Into<String>) -> anyhow::Result<Vec<Row>> {
    Ok(session.query(sql).await?.into_iter().map(OwnedRow::into_values).collect())
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            self.server.request(Request::Drop(database));
        }
    }
}

/// The real binary, with the clean environment of [`Program::of`].
pub(crate) fn trueup<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Program {
    Program::of(env!("CARGO_BIN_EXE_trueup")).args(args)
}

/// Waits for something, which must happen soon.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut happens: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Where `scripts/` puts what it downloads, for an ordinary user.
pub(crate) fn cache() -> Option<PathBuf> {
    std::env::var_os("TRUEUP_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("XDG_CACHE_HOME")?).join("trueup")))
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/trueup")))
}

/// Makes a cache of trueup's with the binaries of the real one, and nothing else.
pub(crate) fn cache_in(directory: &Path) {
    std::fs::create_dir_all(directory).expect("a cache");
    if let Some(binaries) = cache().map(|cache| cache.join("postgresql")).filter(|binaries| binaries.is_dir())
    {
        let linked = std::os::unix::fs::symlink(binaries, directory.join("postgresql"));
        // Other test programs make the same link.
        assert!(linked.is_ok() || directory.join("postgresql").is_symlink(), "{linked:?}");
    }
}

fn scratch_file(text: &str) -> PathBuf {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}.sql", std::process::id()));
    std::fs::write(&path, text).expect("a file");
    path
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
