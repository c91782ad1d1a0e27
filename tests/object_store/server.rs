//! The S3 server: one for all tests of this process, which ends with it. Every test has a bucket of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support;
use crate::support::program::Program;
use crate::support::tools::did_not_run;

/// Its standard input is open as long as the process that started it lives.
const PROGRAM: &str = "
import logging, sys
logging.disable(logging.CRITICAL)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

struct Server {
    port: u16,
    _process: Child,
}

/// Where `scripts/tools` puts it.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("TRUEUP_TOOLS").map(PathBuf::from);
    let cached = [support::cache(), Some(PathBuf::from("/var/cache/trueup"))];
    let cached = cached.into_iter().flatten().map(|cache| cache.join("tools"));
    let pythons = named.into_iter().chain(cached).map(|directory| directory.join("venv/bin/python"));
    pythons.into_iter().find(|python| {
        let works = Command::new(python).args(["-c", "import moto.server"]).output();
        works.is_ok_and(|output| output.status.success())
    })
}

fn start() -> Option<Server> {
    let program = Program::of(python()?).args(["-c", PROGRAM]).env("PYTHONDONTWRITEBYTECODE", "1");
    let mut process = program
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the S3 server starts");
    let mut port = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Some(Server { port: port.trim().parse().expect("a port"), _process: process })
}

/// A bucket of one test.
pub(crate) struct Bucket {
    pub(crate) port: u16,
    pub(crate) name: String,
}

/// `None` where there is no server: that is said where cargo does not swallow it.
pub(crate) fn bucket() -> Option<Bucket> {
    static SERVER: LazyLock<Option<Server>> = LazyLock::new(start);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(server) = &*SERVER else {
        did_not_run("moto, an S3 server,", "nothing was proved");
        return None;
    };
    let name = format!("bucket-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let bucket = Bucket { port: server.port, name };
    let (status, answer) = bucket.ask("PUT", "", &[]);
    assert_eq!(status, 200, "{answer}");
    Some(bucket)
}

impl Bucket {
    /// One request beside trueup, by somebody whom the server believes; `what` is an object's name, or a query.
    pub(crate) fn ask(&self, method: &str, what: &str, body: &[u8]) -> (u16, String) {
        let (status, answer) = self.raw(method, what, body);
        (status, String::from_utf8_lossy(&answer).into_owned())
    }

    /// The same, with an answer that need not be text.
    pub(crate) fn raw(&self, method: &str, what: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} /{}{}{what} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=TEST/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            self.name,
            if what.starts_with('?') { "" } else { "/" },
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
        let body = answer.split_off((head + 4).min(answer.len()));
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), body)
    }

    /// The names of all objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        let (status, answer) = self.ask("GET", "?list-type=2", &[]);
        assert_eq!(status, 200, "{answer}");
        let keys = answer.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// How many uploads in parts were begun, and neither completed nor aborted.
    pub(crate) fn unfinished(&self) -> usize {
        let (status, answer) = self.ask("GET", "?uploads", &[]);
        assert_eq!(status, 200, "{answer}");
        answer.matches("<UploadId>").count()
    }
}
