//! What is seen beside the work: who is in the way, how busy the server is, and whether a step is still running.

pub(super) mod blockers;
pub(super) mod load;
pub(super) mod waiting;
pub(super) mod watchdog;
