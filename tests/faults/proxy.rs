//! A proxy in front of a server's socket that understands the frames of the protocol: it counts round trips, and
//! lets a test look on, wait or answer in the server's place before a query goes on.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::TestDatabase;

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
}

type Hook = dyn Fn(usize, &str) -> Then + Send + Sync;

/// A running proxy; its listener lives until the test process ends.
pub(crate) struct Proxy {
    dir: tempfile::TempDir,
    counts: Arc<Counts>,
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
        let dir = tempfile::Builder::new().prefix("proxy").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let counts = Arc::new(Counts::default());
        let server = database.socket_dir().join(".s.PGSQL.5432");
        let (hook, counted): (Arc<Hook>, _) = (Arc::new(hook), Arc::clone(&counts));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let (server, hook, counts) = (server.clone(), Arc::clone(&hook), Arc::clone(&counted));
                thread::spawn(move || serve(client, server, &*hook, &counts));
            }
        });
        Self { dir, counts }
    }

    /// The URL of `database` through the proxy.
    pub(crate) fn url(&self, database: &TestDatabase) -> String {
        database.url().replace(database.socket_dir().to_str().unwrap(), self.dir.path().to_str().unwrap())
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

fn serve(mut client: UnixStream, server: PathBuf, hook: &Hook, counts: &Arc<Counts>) {
    let Ok(mut server) = UnixStream::connect(server) else { return };
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else { return };
    let counted = Arc::clone(counts);
    let answers = thread::spawn(move || {
        let mut ready = 0;
        while let Ok((kind, frame)) = frame(&mut from_server) {
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
    let _ = questions(&mut client, &mut server, hook, counts);
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = answers.join();
}

fn questions(
    client: &mut UnixStream,
    server: &mut UnixStream,
    hook: &Hook,
    counts: &Counts,
) -> io::Result<()> {
    // The startup message has no type. Over a socket nobody asks for TLS first.
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut startup)?;
    server.write_all(&[&length[..], &startup].concat())?;
    let mut queries = 0;
    loop {
        let (kind, frame) = frame(client)?;
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
            }
        }
        server.write_all(&frame)?;
    }
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
