//! trueup keeps a PostgreSQL database true to its declared model.
//!
//! The way through: `commands` (arguments, run, report) -> `workflow` (what commands share) -> `snapshot`, `model`,
//! `changes`, `data`, `backup` (facts, judgement, work) -> `postgres` (connections, catalogs, SQL). What a person or a
//! pipeline reads is built as plain data and printed by `output`.
//! Arrows point downwards only; `tests/architecture.rs` holds the map.

pub mod backup;
pub mod changes;
pub mod cli;
pub mod commands;
pub mod data;
pub mod error;
pub mod findings;
pub mod migrations;
pub mod model;
pub mod output;
pub mod plain_file;
pub mod postgres;
pub mod project;
pub mod snapshot;
pub mod text;
pub mod toml_table;
mod workflow;
pub mod writer;
