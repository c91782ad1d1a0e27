//! Changes to the schema of a database: the plan of an upgrade or a downgrade, how long it takes, and its execution.

pub mod drift_fix;
pub mod estimate;
pub mod executor;
pub mod lint;
pub mod plan;
pub mod schema_plan;
