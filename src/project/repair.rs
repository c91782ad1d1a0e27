//! The section `[repair]` of `trueup.toml`: the limits of changing rows.

use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::TomlTable;

/// The settings in `[repair]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairSettings {
    /// The duration that a batch should have.
    pub batch: Duration,
    /// The `lock_timeout` of a batch.
    pub lock_timeout: Duration,
    /// Pause while a standby lags behind by more than this; zero: never.
    pub max_replica_lag: Duration,
    /// Pause while a transaction in the database is older than this; zero: never.
    pub max_transaction_age: Duration,
    /// The time limit of all pauses together.
    pub pause: Duration,
    /// The time limit of finding the rows to change.
    pub planning: Duration,
}

impl Default for RepairSettings {
    fn default() -> Self {
        Self {
            batch: Duration::from_millis(200),
            lock_timeout: Duration::from_millis(500),
            max_replica_lag: Duration::from_secs(10),
            max_transaction_age: Duration::from_secs(300),
            pause: Duration::from_secs(600),
            planning: Duration::from_secs(3600),
        }
    }
}

pub(super) fn repair(section: TomlTable<'_, '_>) -> Result<RepairSettings, Failure> {
    let mut settings = RepairSettings::default();
    for (key, value) in [
        ("batch", &mut settings.batch),
        ("lock_timeout", &mut settings.lock_timeout),
        ("max_replica_lag", &mut settings.max_replica_lag),
        ("max_transaction_age", &mut settings.max_transaction_age),
        ("pause", &mut settings.pause),
        ("planning", &mut settings.planning),
    ] {
        let read = section.read(key, DURATION, |value| value.as_str().and_then(sql::duration))?;
        *value = read.unwrap_or(*value);
    }
    section.finish()?;
    Ok(settings)
}
