//! Changes to the schema of a database: the plan of an upgrade or a downgrade, and its execution.

pub mod executor;
pub mod lint;
pub mod plan;
