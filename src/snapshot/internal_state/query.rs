//! The statements that read the tables of schema `trueup`.

use crate::writer::with_lock_key;

const MARK: &str = include_str!("mark.sql");
const OPEN_RUNS: &str = include_str!("open_runs.sql");
const STEPS: &str = include_str!("steps.sql");
const RECORDED: &str = include_str!("recorded.sql");
const TEXTS: &str = "SELECT version FROM trueup.migrations";
const ACCEPTED: &str = include_str!("accepted.sql");
const ATTESTED: &str = include_str!("attested.sql");
const EARLIER: &str = include_str!("earlier.sql");
const BACKUP: &str = include_str!("backup.sql");
const RUNS: &str = include_str!("runs.sql");
const REPAIRS: &str = include_str!("repairs.sql");
const HOLDER: &str = include_str!("holder.sql");

/// One statement about the internal state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::snapshot) enum InternalQuery {
    /// The environment mark.
    Mark,
    /// The runs that have not ended.
    OpenRuns,
    /// The last steps of migrations that are not settled.
    Steps,
    /// The records of migrations whose history row differs from the project's file.
    Recorded {
        /// The history's table, qualified and quoted.
        history: String,
        /// The versions and checksums of the project's files, as a history writes them.
        files: Vec<(i64, u64)>,
    },
    /// The versions that have a recorded text.
    Texts,
    /// What the newest adoption accepted.
    Accepted,
    /// What people have recorded for deploys.
    Attested,
    /// How long statements took before.
    Earlier,
    /// The newest backup before a change.
    Backup,
    /// The newest runs of the audit log.
    Runs {
        /// How many runs.
        limit: u32,
    },
    /// The runs that can be undone.
    Repairs,
    /// The session that holds trueup's lock.
    Holder,
}

impl InternalQuery {
    pub(in crate::snapshot) fn sql(&self) -> String {
        match self {
            Self::Mark => MARK.to_owned(),
            Self::OpenRuns => with_lock_key(OPEN_RUNS),
            Self::Steps => STEPS.to_owned(),
            Self::Recorded { history, files } => {
                let files = files.iter().map(|(version, checksum)| format!("{version}:{checksum}"));
                let files = files.collect::<Vec<_>>().join(",");
                RECORDED.replace("{files}", &format!("{{{files}}}")).replace("{history}", history)
            }
            Self::Texts => TEXTS.to_owned(),
            Self::Accepted => ACCEPTED.to_owned(),
            Self::Attested => ATTESTED.to_owned(),
            Self::Earlier => EARLIER.to_owned(),
            Self::Backup => BACKUP.to_owned(),
            Self::Runs { limit } => RUNS.replace("{limit}", &limit.to_string()),
            Self::Repairs => REPAIRS.to_owned(),
            Self::Holder => with_lock_key(HOLDER),
        }
    }
}
