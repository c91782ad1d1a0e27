//! One test per fault that `trueup backup` can meet, named by the fault's number, against a real server and the real
//! `pg_dump`, or one that lies.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests look at their environment, wait, say what they could not run, and may panic"
)]

#[path = "../connect/cluster.rs"]
#[allow(dead_code, reason = "connecting uses all of it")]
mod cluster;
#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "commands that write use all of it")]
mod proxy;
#[path = "../support/mod.rs"]
mod support;

mod damage;
mod dies;
mod external;
mod keep;
mod locks;
mod names;
mod other_server;
mod place;
mod pooled;
mod programs;
mod secrets;
mod settings;
mod site;
mod standby;
