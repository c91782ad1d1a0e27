//! `[repair]`: how gently rows are repaired.

use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::Section;

/// `[repair]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairSettings {
    /// What a batch is to take.
    pub batch: Duration,
    /// How long a batch may wait for a lock.
    pub lock_timeout: Duration,
    /// It pauses while a standby is farther behind; zero: it does not.
    pub max_replica_lag: Duration,
    /// It pauses while a transaction of the database is older; zero: it does not.
    pub max_transaction_age: Duration,
    /// How long it pauses, altogether.
    pub pause: Duration,
    /// How long finding out what is to be changed may take.
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

pub(super) fn repair(section: &Section<'_, '_>) -> Result<RepairSettings, Failure> {
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
    Ok(settings)
}
