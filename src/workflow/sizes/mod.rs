//! How large relations are, and what follows from that: how long the statements of a plan take.

mod plan;

pub(crate) use plan::{measure, refuse_too_long};
