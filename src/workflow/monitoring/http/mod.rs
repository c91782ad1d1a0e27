//! HTTP/1.1 by hyper, over TCP: how many connections there may be, and how long each may last. `answers` has what is answered.
//!
//! A client that sends nothing, sends forever or never reads holds a connection for a bounded time and a bounded memory. Who
//! cannot get a connection waits in the system's queue, and costs the database nothing.

mod answers;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::SharedReadings;
use crate::error::{ErrorCode, Exit, Failure};
use answers::Responder;

/// The most connections at a time.
const CONNECTIONS: usize = 128;
/// Above so many, none is kept for a further request: whoever waits gets its place.
const KEPT: usize = CONNECTIONS / 2;
/// How long a client may take to send a request, or send nothing between two.
const REQUEST: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const HEAD: usize = 16 * 1024;
/// How long a connection is used, however often it is asked.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a client may take to read its last answer.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait when this machine has no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(100);

/// Begins to listen.
///
/// # Errors
/// Exit 75: somebody else listens there. Exit 2: this machine does not have the address, or this user may not listen on it.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let port = address.port();
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let what = format!("cannot listen on {address}: another process does");
            Failure::new(Exit::Busy, what)
                .code(ErrorCode::ADDRESS_IN_USE)
                .next(format!("`ss -ltnp sport = :{port}` shows which one; or choose another port: --listen"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::usage(format!("cannot listen on {address}: this user may not use port {port}"))
                .code(ErrorCode::ADDRESS_UNAVAILABLE)
                .next("choose a port above 1023: --listen")
        }
        io::ErrorKind::AddrNotAvailable => {
            Failure::usage(format!("cannot listen on {address}: this machine does not have that address"))
                .code(ErrorCode::ADDRESS_UNAVAILABLE)
                .next("choose an address of this machine: --listen 127.0.0.1:8642")
        }
        _ => Failure::usage(format!("cannot listen on {address}: {error}"))
            .code(ErrorCode::ADDRESS_UNAVAILABLE)
            .next("choose an address of this machine: --listen 127.0.0.1:8642"),
    })
}

/// Answers whoever asks, until it is dropped.
pub(crate) async fn serve(listener: TcpListener, shared: SharedReadings) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let responder = Arc::new(Responder::new(shared));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let is_kept = places.available_permits() > CONNECTIONS - KEPT;
                let responder = Arc::clone(&responder);
                tokio::spawn(async move {
                    converse(stream, is_kept, responder).await;
                    drop(place);
                });
            }
            // A client that left meanwhile, or too many open files.
            Err(_) => sleep(BREATH).await,
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, is_kept: bool, responder: Arc<Responder>) {
    // An answer is one piece: it need not wait for more.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let response = responder.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST)
            .max_buf_size(HEAD)
            .keep_alive(is_kept)
            .serve_connection(TokioIo::new(stream), answer)
    );
    // What a client does wrong is nobody else's matter.
    if timeout(LIFETIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, connection).await;
    }
}
