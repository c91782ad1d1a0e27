//! Findings about rows: those that seeds declare, and the sequences that number them.

mod seeded;
mod sequence;

pub use seeded::seeded;
pub use sequence::{BehindColumn, sequence_behind};

/// The codes of these findings.
pub(super) const CODES: [&str; 3] = [seeded::MISSING, seeded::DIFFERENT, sequence::BEHIND];
