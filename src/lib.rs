//! trueup keeps a PostgreSQL database true to its declared model.
//!
//! The way through: `cli` (raw arguments) -> `project` (settings) -> `commands` -> `db`, `catalog`, `model`,
//! `migrations` (facts) -> `diff` -> `diagnosis` (findings) -> `plan` (what is going to be done) -> `report` (what a
//! person or a pipeline reads).
//! Arrows point downwards only; `tests/architecture.rs` holds them.

pub mod apply;
pub mod backup;
pub mod catalog;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod db;
pub mod ddl;
pub mod diagnosis;
pub mod diff;
pub mod door;
pub mod error;
pub mod migrations;
pub mod model;
pub mod plan;
pub mod programs;
pub mod project;
pub mod repair;
pub mod report;
pub mod scratch;
pub mod section;
pub mod seeds;
pub mod sql;
pub mod survey;
