//! `dns`: the addresses of the host name.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::{ErrorCode, Failure};

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "dns",
    help: "The addresses that the host name of the connection URL stands for on this machine. An address or a Unix socket needs \
           none.",
    needs: &["address"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let target = around.target()?.clone();
        let host = target.host();
        if target.is_socket() {
            return Ok(Examined::ok("a Unix socket: there is no name to resolve"));
        }
        if host.parse::<IpAddr>().is_ok() {
            return Ok(Examined::ok(format!("{host} is an address")));
        }
        around.is_unanswered = true;
        let found = tokio::net::lookup_host((host, target.port())).await.map_err(|error| {
            let why = error.to_string();
            let why = why.rsplit(": ").next().unwrap_or_default();
            Failure::cannot_tell(format!("the host name {host:?} cannot be resolved: {why}"))
                .code(ErrorCode::CONNECTION_UNREACHABLE)
                .next("check the name, and that this machine can resolve it (a private name needs the right network)")
        })?;
        around.is_unanswered = false;
        let addresses: BTreeSet<String> = found.map(|address| address.ip().to_string()).collect();
        let addresses: Vec<String> = addresses.into_iter().collect();
        Ok(Examined::ok(format!("{host} is {}", addresses.join(", "))))
    })
}
