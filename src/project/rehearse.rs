//! The section `[rehearse]` of `trueup.toml`: the limits of what a rehearsal accepts.

use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::TomlTable;

/// The settings in `[rehearse]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RehearseSettings {
    /// The longest time for which a migration may keep others waiting; `None`: any.
    pub max_block: Option<Duration>,
}

pub(super) fn rehearse(section: TomlTable<'_, '_>) -> Result<RehearseSettings, Failure> {
    let max_block = section.read("max_block", DURATION, |value| value.as_str().and_then(sql::duration))?;
    section.finish()?;
    Ok(RehearseSettings { max_block })
}
