//! The formats of reports, each read by its official schema or a real consumer: what `scripts/tools` installs. Where a reader
//! is not installed, its tests say loudly that they did not run.
//!
//! The reports are those of the real binary about a real database, with names, values and files that every format has to
//! escape, and with more findings than its reader takes.

mod annotations;
mod locations;
mod made;
pub(crate) mod page;
mod quality;
pub(crate) mod readers;
mod sarif;
mod site;
mod suites;
mod summary;
