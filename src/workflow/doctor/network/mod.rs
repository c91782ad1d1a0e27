//! The way to the server.

pub(super) mod address;
pub(super) mod authentication;
pub(super) mod dns;
pub(super) mod pooler;
pub(super) mod tcp;
pub(super) mod tls;
