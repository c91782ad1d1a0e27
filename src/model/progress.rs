//! How far a compilation is, for whoever shows it.

/// How far a compilation is. One value is reported after every statement of `schema/` and before every migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileProgress<'p> {
    /// The statements of `schema/` are being loaded.
    Schema {
        /// The number of statements that are loaded.
        done: usize,
        /// The number of statements altogether.
        total: usize,
    },
    /// The migrations are being replayed.
    Migrations {
        /// The number of migrations that are replayed.
        done: usize,
        /// The number of migrations altogether.
        total: usize,
        /// The file of the migration that runs now; empty after the last one.
        path: &'p str,
    },
}
