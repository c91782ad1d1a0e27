//! Rows: data checks and their repairs, and the reference rows that applications need.

pub mod checks;
pub mod repair;
pub mod seeds;
