//! `trueup restore` and verification by restore, on real servers: what comes back is what was backed up, what was tampered
//! with is refused, and whatever kills a run leaves a database that can be told from a good one.

mod derived;
mod kept;
mod killed;
mod kinds;
mod refused;
mod site;
mod tampered;
mod vanished;
