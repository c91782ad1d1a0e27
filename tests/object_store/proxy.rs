//! What stands between trueup and the S3 server: it passes requests on, or does to them what a test wants.
//!
//! One request a connection, a thread each. The test decides by the request's first line; it is asked on the connection's
//! thread, and may take its time.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to a request.
pub(crate) enum Deed {
    /// It is passed on.
    Pass,
    /// The connection is cut when so much of the body has come.
    Cut(usize),
    /// It is answered here: a status with its reason, and a body.
    Answer(&'static str, String),
    /// It is read, and never answered.
    Stall,
}

/// The first line of a request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
}

impl Request {
    /// Whether it brings a part of a member.
    pub(crate) fn is_part(&self) -> bool {
        self.method == "PUT" && self.target.contains("partNumber=")
    }

    pub(crate) fn is(&self, method: &str, object: &str) -> bool {
        let (path, _) = self.target.split_once('?').unwrap_or((&self.target, ""));
        self.method == method && path.ends_with(object)
    }
}

pub(crate) struct Proxy {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

type Decide = dyn Fn(&Request) -> Deed + Send + Sync;

impl Proxy {
    pub(crate) fn before(upstream: u16, decide: impl Fn(&Request) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let decide: Arc<Decide> = Arc::new(decide);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (decide, all) = (Arc::clone(&decide), Arc::clone(&all));
                // What the one side or the other does to a connection is what the test wanted.
                std::thread::spawn(move || drop(serve(&client, upstream, &*decide, &all)));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(client: &TcpStream, upstream: u16, decide: &Decide, all: &Mutex<Vec<Request>>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 << 10, client);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut words = head.split(' ').map(str::to_owned);
    let request = Request { method: words.next().unwrap(), target: words.next().unwrap() };
    all.lock().unwrap().push(request.clone());
    let mut body = reader.take(length);
    match decide(&request) {
        Deed::Pass => {
            let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
            write!(server, "{head}Connection: close\r\n\r\n")?;
            io::copy(&mut body, &mut server)?;
            io::copy(&mut server, &mut &*client)?;
        }
        Deed::Cut(after) => {
            io::copy(&mut body.take(after as u64), &mut io::sink())?;
            client.shutdown(Shutdown::Both)?;
        }
        Deed::Answer(status, answer) => {
            io::copy(&mut body, &mut io::sink())?;
            write!(
                &mut &*client,
                "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            )?;
        }
        Deed::Stall => {
            io::copy(&mut body, &mut io::sink())?;
            std::thread::sleep(Duration::from_secs(600));
        }
    }
    Ok(())
}
