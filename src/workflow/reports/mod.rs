//! What several commands report: the database, its findings, a plan, a backup, a decision.

pub(crate) mod adoption;
pub(crate) mod backup_plan;
pub(crate) mod data_check;
pub(crate) mod decision;
pub(crate) mod drift_fix;
pub(crate) mod fix_report;
pub(crate) mod footprint_report;
pub(crate) mod loss;
pub(crate) mod metrics;
pub(crate) mod plan_report;
pub(crate) mod schema_report;
pub(crate) mod target;
