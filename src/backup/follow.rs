//! What happens while a backup is taken, verified or restored: for whoever shows it.

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is done: `dumping`, `verifying`, `restoring`.
    pub doing: &'static str,
    /// The table that is being worked on; empty before the first.
    pub table: String,
    /// How many tables were begun, and how many there are.
    pub tables: (usize, usize),
    /// Bytes of the archive so far.
    pub bytes: u64,
}

/// Who is told.
pub trait Follow {
    /// Something has gone on.
    fn backup(&mut self, progress: &Progress);
}

/// Nobody.
impl Follow for () {
    fn backup(&mut self, _: &Progress) {}
}
