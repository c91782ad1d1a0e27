//! `trueup serve`: what is answered over HTTP, what it costs the database, and what becomes of both when one of them does not
//! answer.

mod answers;
mod ends;
mod hangs;
mod metrics;
mod page;
mod pooler;
mod readiness;
mod secrets;
mod storm;
mod textfile;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::program::{Program, Ran, Running};
use crate::support::project::{Address, Project};
use crate::support::{self, TestDatabase, wait_for};

/// Looks as often as it may, so that a test need not wait.
const OFTEN: &[&str] = &["--interval", "200ms", "--check-interval", "200ms"];

/// The compiled reference project, and a database in which all of it is applied.
fn site() -> (Project, TestDatabase) {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.build(&database);
    (project, database)
}

/// A server of HTTP that has begun.
struct Served {
    running: Running,
    port: u16,
    log: PathBuf,
    _dir: tempfile::TempDir,
}

impl Served {
    /// Of a project and a database, on a port that nobody has.
    #[track_caller]
    fn start(project: &Project, at: &(impl Address + ?Sized), args: &[&str]) -> Self {
        Self::of(project.without_postgres(["serve"], at).args(args))
    }

    /// The same of a command without `--listen`.
    #[track_caller]
    fn of(program: Program) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let program = program.args(["--listen", "127.0.0.1:0"]);
        let mut running = program.stderr(File::create(&log).unwrap()).start();
        let mut port = None;
        wait_for("a server that listens", || {
            assert!(!running.has_ended(), "{}", fs::read_to_string(&log).unwrap());
            let said = fs::read_to_string(&log).unwrap();
            port = said
                .lines()
                .find_map(|line| line.strip_prefix("listening on http://127.0.0.1:")?.parse().ok());
            port.is_some()
        });
        Self { running, port: port.unwrap(), log, _dir: dir }
    }

    fn client(&self) -> Client {
        Client::to(self.port)
    }

    /// Asks over a connection of its own.
    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.client().ask("GET", path, "")
    }

    /// What is in the metrics.
    #[track_caller]
    fn metrics(&self) -> Metrics {
        let answer = self.get("/metrics");
        assert_eq!(answer.code, 200, "{}", answer.body);
        Metrics(answer.body)
    }

    /// Waits until it is ready, or until it is not.
    #[track_caller]
    fn wait_for_code(&self, code: u16) -> Answer {
        wait_for(&format!("{code}: {}", self.get("/readyz").body), || self.get("/readyz").code == code);
        self.get("/readyz")
    }

    /// What it said until now.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Ends it as a container is ended.
    #[track_caller]
    fn stop(self) -> Ran {
        self.running.stop(nix::sys::signal::Signal::SIGTERM, Duration::from_secs(10)).exit(0)
    }

    /// Waits until everything was read once.
    #[track_caller]
    fn wait_for_all(&self) {
        wait_for("a first round", || {
            let metrics = self.metrics();
            ["readiness", "schema", "data", "backup"]
                .iter()
                .all(|probe| metrics.value("trueup_probe_success", &[("probe", probe)]).is_some())
        });
    }
}

/// What was answered.
#[derive(Debug)]
struct Answer {
    code: u16,
    headers: HashMap<String, String>,
    body: String,
}

/// A connection that is kept.
struct Client {
    port: u16,
    stream: BufReader<TcpStream>,
}

impl Client {
    fn to(port: u16) -> Self {
        Self { port, stream: BufReader::new(connect(port)) }
    }

    /// Sends a request and reads the answer. A connection that the server has closed is made again.
    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, headers: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        for _ in 0..2 {
            if let Some(answer) = self.attempt(&request, method == "HEAD") {
                return answer;
            }
            self.stream = BufReader::new(connect(self.port));
        }
        panic!("no answer to {request}");
    }

    fn attempt(&mut self, request: &str, head: bool) -> Option<Answer> {
        self.stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let code = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = if head { 0 } else { headers["content-length"].parse().unwrap() };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        if headers.get("connection").is_some_and(|connection| connection == "close") {
            self.stream = BufReader::new(connect(self.port));
        }
        Some(Answer { code, headers, body: String::from_utf8(body).unwrap() })
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Metrics in Prometheus' text format.
struct Metrics(String);

impl Metrics {
    /// The value of the one sample with these labels among others.
    #[track_caller]
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let is_it = |line: &&str| {
            let (before, _) = line.rsplit_once(' ').unwrap();
            let known = before.split_once('{').map_or(before, |(known, _)| known);
            known == name && labels.iter().all(|label| before.contains(label.as_str()))
        };
        let lines: Vec<&str> = self.0.lines().filter(|line| !line.starts_with('#')).filter(is_it).collect();
        assert!(lines.len() < 2, "{name} {labels:?}: {lines:?}");
        lines.first().map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    #[track_caller]
    fn is(&self, name: &str, labels: &[(&str, &str)], value: impl Into<Option<f64>>) {
        assert_eq!(self.value(name, labels), value.into(), "{name} {labels:?}\n{}", self.0);
    }
}

/// How many connections a database has from `trueup serve`.
fn connections(database: &TestDatabase) -> u64 {
    let count = "SELECT count(*) FROM pg_stat_activity \
        WHERE application_name LIKE 'trueup/% serve' AND datname = current_database()";
    database.value(count).parse().unwrap()
}

/// What reads Prometheus' files; `None` where it is not installed.
fn promtool() -> Option<Program> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = support::tools::directory().map(|tools| tools.join("prometheus"));
    let mut places = std::env::split_paths(&path).chain(tools).map(|place| place.join("promtool"));
    let found = places.find(|program| program.is_file());
    if found.is_none() {
        support::tools::did_not_run("promtool", "Prometheus' formats were not read");
    }
    found.map(Program::of)
}
