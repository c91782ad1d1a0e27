//! The sections about what is around the database: variables of the environment, the project's own commands, results of
//! its tests, and people.

pub(super) mod commands;
pub(super) mod environment;
pub(super) mod evidence;
mod junit;
pub(super) mod people;
mod report_files;

#[cfg(test)]
mod tests;
