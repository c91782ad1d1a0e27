//! Backups in an object store: a real S3 server on this machine (moto, which `scripts/tools` installs), and in front of it
//! whatever can go wrong on the way. Where the server is not installed, the tests say loudly that they did not run.

mod faults;
mod memory;
mod proxy;
mod server;
mod site;
mod whole;
