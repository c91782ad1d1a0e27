//! The progress of taking, verifying or restoring a backup.

/// How far the work is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupProgress {
    /// What is done at the moment: `dumping`, `verifying`, `restoring`.
    pub doing: &'static str,
    /// The table that is being processed; empty before the first one.
    pub table: String,
    /// The number of tables that were begun, and of all tables.
    pub tables: (usize, usize),
    /// The number of bytes of the archive so far.
    pub bytes: u64,
    /// How many there will be; 0 when nobody knows.
    pub total: u64,
}

/// Receives the progress.
pub trait BackupObserver {
    /// Is called whenever the work has progressed.
    fn progress(&mut self, progress: &BackupProgress);
}

/// Ignores the progress.
impl BackupObserver for () {
    fn progress(&mut self, _: &BackupProgress) {}
}
