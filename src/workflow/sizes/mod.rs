//! How large relations are, and what follows from that: how long the statements of a plan take; and the file that
//! keeps them for a pipeline without a database.

mod plan;
mod recorded;

pub(crate) use plan::{MeasuredPlan, TooLong, measure, measured, refuse_too_long, relations};
pub(crate) use recorded::{RecordedSizes, SIZES_FILE};
