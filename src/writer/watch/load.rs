//! What speaks against writing more right now: standbys that are behind, transactions that are old, sessions that wait.

use std::time::Duration;

use anyhow::Result;

use super::super::WriteSession;
use super::blockers::milliseconds;
use crate::text::duration;

const LOAD: &str = include_str!("../load.sql");

/// What was seen at one moment. What a role may not see is `None`, and counts as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSample {
    /// How far the farthest standby is behind.
    pub replica_lag: Option<Duration>,
    /// The age of the oldest transaction of this database that is not ours.
    pub oldest_transaction: Option<Duration>,
    /// Whose that is: its process and application.
    pub oldest: Option<String>,
    /// How many sessions wait for a lock on one of the tables.
    pub waiters: u64,
}

/// Up to where it is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// A standby's lag; zero: any.
    pub replica_lag: Duration,
    /// A transaction's age; zero: any.
    pub transaction: Duration,
}

impl LoadSample {
    /// Why to wait, in words. `None`: nothing speaks against going on.
    pub fn why(&self, throttle: ThrottleLimits) -> Option<String> {
        let over =
            |seen: Option<Duration>, most: Duration| seen.filter(|seen| !most.is_zero() && *seen > most);
        if let Some(lag) = over(self.replica_lag, throttle.replica_lag) {
            return Some(format!("a standby is {} behind", duration(lag)));
        }
        if self.waiters > 0 {
            return Some(format!(
                "{} waiting for locks on the table",
                super::super::event::sessions(self.waiters)
            ));
        }
        let age = over(self.oldest_transaction, throttle.transaction)?;
        let whose = self.oldest.as_deref().map(|whose| format!(" of pid {whose}")).unwrap_or_default();
        Some(format!("a transaction{whose} is open for {}", duration(age)))
    }
}

impl WriteSession {
    /// Reads the server's load on the control connection, in one round trip.
    ///
    /// # Errors
    /// The server's and the connection's; [`crate::postgres::connection::RowError`] when the answer cannot be read.
    pub async fn sample_load(&mut self, relations: &[u32]) -> Result<LoadSample> {
        let list = |oids: &[u32]| oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let sql = LOAD
            .replace("{relations}", &list(relations))
            .replace("{own}", &format!("{},0", self.pid))
            .replace("{{", "{")
            .replace("}}", "}");
        let row = self.control.query_one(sql).await?;
        Ok(LoadSample {
            replica_lag: milliseconds(&row, "replica_lag_ms")?,
            oldest_transaction: milliseconds(&row, "oldest_transaction_ms")?,
            oldest: row.get("oldest")?,
            waiters: row.get("waiters")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_borne_is_said_by_the_limits() {
        let throttle =
            ThrottleLimits { replica_lag: Duration::from_secs(10), transaction: Duration::from_secs(60) };
        let seen = |lag, age, waiters| LoadSample {
            replica_lag: Some(Duration::from_secs(lag)),
            oldest_transaction: Some(Duration::from_secs(age)),
            oldest: Some("7 (psql)".into()),
            waiters,
        };
        assert_eq!(seen(10, 60, 0).why(throttle), None);
        assert_eq!(seen(11, 0, 0).why(throttle).as_deref(), Some("a standby is 11 s behind"));
        assert_eq!(
            seen(0, 75, 0).why(throttle).as_deref(),
            Some("a transaction of pid 7 (psql) is open for 1 min 15 s")
        );
        assert_eq!(seen(0, 0, 2).why(throttle).as_deref(), Some("2 sessions waiting for locks on the table"));
        let any = ThrottleLimits { replica_lag: Duration::ZERO, transaction: Duration::ZERO };
        assert_eq!(seen(1000, 1000, 0).why(any), None);
        assert_eq!(LoadSample::default().why(throttle), None);
    }
}
