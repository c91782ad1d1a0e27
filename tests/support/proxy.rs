//! A proxy in front of a server's socket that understands the frames of the protocol: it counts round trips, and
//! lets a test look on, wait or answer in the server's place before a query goes on.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::TestDatabase;

/// What happens to a query.
pub(crate) enum Then {
    /// It goes to the server.
    Forward,
    /// This goes to the server in its place.
    Instead(String),
    /// The client gets these bytes in the server's place, and the connection ends.
    Answer(Vec<u8>),
    /// The connection ends.
    HangUp,
    /// It goes to the server, whose answer nobody gets: the connection ends.
    Swallow,
}

type Hook = dyn Fn(usize, &str) -> Then + Send + Sync;

/// A running proxy; its listener lives until the test process ends.
pub(crate) struct Proxy {
    dir: tempfile::TempDir,
    counts: Arc<Counts>,
    stalled: Arc<AtomicBool>,
    starts: Arc<Mutex<Option<Instant>>>,
}

#[derive(Default)]
struct Counts {
    /// ReadyForQuery messages after the first of each connection.
    answered: AtomicUsize,
    /// Messages of clients after the startup, without Terminate.
    asked: AtomicUsize,
}

impl Proxy {
    /// In front of the server of `database`. The hook is called with the number (from 1) and text of each simple
    /// query of a connection, before it is forwarded.
    pub(crate) fn start(
        database: &TestDatabase,
        hook: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        let server = database.socket_dir().join(".s.PGSQL.5432");
        Self::toward(move || server.clone(), hook)
    }

    /// The same in front of whatever socket `server` names when a connection is made.
    pub(crate) fn toward(
        server: impl Fn() -> PathBuf + Send + 'static,
        hook: impl Fn(usize, &str) -> Then + Send + Sync + 'static,
    ) -> Self {
        let dir = tempfile::Builder::new().prefix("proxy").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let counts = Arc::new(Counts::default());
        let (hook, counted): (Arc<Hook>, _) = (Arc::new(hook), Arc::clone(&counts));
        let stalled = Arc::new(AtomicBool::new(false));
        let starts: Arc<Mutex<Option<Instant>>> = Arc::default();
        let (stops, started) = (Arc::clone(&stalled), Arc::clone(&starts));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(mut client) = client else { return };
                if started.lock().unwrap().is_some_and(|at| Instant::now() < at) {
                    let Then::Answer(bytes) = error("57P03", "the database system is starting up") else {
                        return;
                    };
                    let _ = startup(&mut client).and_then(|_| client.write_all(&bytes));
                    continue;
                }
                let (server, hook, counts) = (server(), Arc::clone(&hook), Arc::clone(&counted));
                let stalled = Arc::clone(&stops);
                thread::spawn(move || serve(client, server, &*hook, &counts, &stalled));
            }
        });
        Self { dir, counts, stalled, starts }
    }

    /// Answers new connections as a server does that starts up, for so long.
    pub(crate) fn start_up(&self, time: Duration) {
        *self.starts.lock().unwrap() = Some(Instant::now() + time);
    }

    /// From now on nothing gets through any more, in no direction and on no connection; and none is closed.
    pub(crate) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// The URL of `database` through the proxy.
    pub(crate) fn url(&self, database: &TestDatabase) -> String {
        database.url().replace(database.socket_dir().to_str().unwrap(), self.dir.path().to_str().unwrap())
    }

    /// The directory of its socket.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// How many round trips there were after connecting.
    pub(crate) fn round_trips(&self) -> usize {
        self.counts.answered.load(Ordering::SeqCst)
    }

    /// How many messages the clients sent after connecting.
    pub(crate) fn messages(&self) -> usize {
        self.counts.asked.load(Ordering::SeqCst)
    }
}

/// Goes on when the network does.
fn while_stalled(stalled: &AtomicBool) {
    while stalled.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn serve(
    mut client: UnixStream,
    server: PathBuf,
    hook: &Hook,
    counts: &Arc<Counts>,
    stalled: &Arc<AtomicBool>,
) {
    while_stalled(stalled);
    let Ok(mut server) = UnixStream::connect(server) else { return };
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else { return };
    let counted = Arc::clone(counts);
    let swallowed = Arc::new(AtomicBool::new(false));
    let (stops, swallows) = (Arc::clone(stalled), Arc::clone(&swallowed));
    let answers = thread::spawn(move || {
        let mut ready = 0;
        while let Ok((kind, frame)) = frame(&mut from_server) {
            while_stalled(&stops);
            if swallows.load(Ordering::SeqCst) {
                break;
            }
            if kind == b'Z' {
                ready += 1;
                counted.answered.fetch_add(usize::from(ready > 1), Ordering::SeqCst);
            }
            if to_client.write_all(&frame).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    let _ = questions(&mut client, &mut server, hook, counts, (stalled, &swallowed));
    // A proxy that stands still does not pass on that its client is gone, either.
    while_stalled(stalled);
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = answers.join();
}

fn questions(
    client: &mut UnixStream,
    server: &mut UnixStream,
    hook: &Hook,
    counts: &Counts,
    (stalled, swallowed): (&AtomicBool, &AtomicBool),
) -> io::Result<()> {
    server.write_all(&startup(client)?)?;
    let mut queries = 0;
    loop {
        let (kind, frame) = frame(client)?;
        while_stalled(stalled);
        if kind != b'X' && kind != b'p' {
            counts.asked.fetch_add(1, Ordering::SeqCst);
        }
        if kind == b'Q' {
            queries += 1;
            match hook(queries, &String::from_utf8_lossy(&frame[5..frame.len() - 1])) {
                Then::Forward => {}
                Then::Instead(text) => {
                    let length = u32::try_from(text.len() + 5).unwrap();
                    let query = [b"Q", &length.to_be_bytes()[..], text.as_bytes(), b"\0"].concat();
                    server.write_all(&query)?;
                    continue;
                }
                Then::Answer(bytes) => return client.write_all(&bytes),
                Then::HangUp => return Ok(()),
                Then::Swallow => {
                    swallowed.store(true, Ordering::SeqCst);
                    server.write_all(&frame)?;
                    // The server does what it was told before it notices that nobody is there.
                    return server.shutdown(std::net::Shutdown::Write);
                }
            }
        }
        server.write_all(&frame)?;
    }
}

/// The startup message, which has no type. Over a socket nobody asks for TLS first.
fn startup(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    client.read_exact(&mut message)?;
    let length = u32::from_be_bytes([message[0], message[1], message[2], message[3]]) as usize;
    message.resize(length, 0);
    client.read_exact(&mut message[4..])?;
    Ok(message)
}

/// One message with its type.
fn frame(stream: &mut UnixStream) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let mut frame = head.to_vec();
    frame.resize(length + 1, 0);
    stream.read_exact(&mut frame[5..])?;
    Ok((head[0], frame))
}

/// An ErrorResponse of the server.
pub(crate) fn error(sqlstate: &str, message: &str) -> Then {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    Then::Answer([b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat())
}
