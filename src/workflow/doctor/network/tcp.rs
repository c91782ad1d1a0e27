//! `tcp`: whether something listens there.

use std::io::{Error, ErrorKind};
use std::time::{Duration, Instant};

use tokio::net::{TcpStream, UnixStream};

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::{ErrorCode, Failure};
use crate::text::duration;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "tcp",
    help: "Whether something listens at the host and port of the connection URL, or at its Unix socket; how long that takes, from \
           1 second on.",
    needs: &["dns"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

/// What is said of a sooner answer is noise.
const SLOW: Duration = Duration::from_secs(1);

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let target = around.target()?.clone();
        let place = target.place();
        let limit = around.settings.database.connect_timeout;
        around.is_unanswered = true;
        let begun = Instant::now();
        let connecting = async {
            match target.is_socket() {
                true => UnixStream::connect(&place).await.map(drop),
                false => TcpStream::connect((target.host(), target.port())).await.map(drop),
            }
        };
        let connected = tokio::time::timeout(limit, connecting).await;
        connected
            .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
            .map_err(|error| failure(&place, &error))?;
        let taken = begun.elapsed();
        let taken = if taken < SLOW { String::new() } else { format!(" after {}", duration(taken)) };
        Ok(Examined::ok(format!("{place} answers{taken}")))
    })
}

fn failure(place: &str, error: &Error) -> Failure {
    let (code, why, next) = match error.kind() {
        ErrorKind::ConnectionRefused => (
            ErrorCode::CONNECTION_REFUSED,
            "connection refused: no server is listening there".to_owned(),
            "check that the server runs, and host and port in the URL",
        ),
        ErrorKind::NotFound => (
            ErrorCode::CONNECTION_UNREACHABLE,
            "there is no such socket".to_owned(),
            "check that the server runs, and the directory and port in the URL",
        ),
        ErrorKind::TimedOut => (
            ErrorCode::CONNECTION_TIMEOUT,
            "no answer in time".to_owned(),
            "check host and port, and that a firewall or security group lets this machine through",
        ),
        _ => (
            ErrorCode::CONNECTION_UNREACHABLE,
            error.to_string(),
            "check the network: is this machine in the right one, is the VPN up?",
        ),
    };
    Failure::cannot_tell(format!("{place}: {why}")).code(code).next(next)
}
