//! The map of the house.

/// A room of `src/`.
pub(crate) struct Room {
    /// Its path from `src/`, without `.rs`.
    pub(crate) name: &'static str,
    /// The rooms that it may use: each of them stands before it.
    pub(crate) uses: &'static [&'static str],
}

/// Folders that only hold rooms: their `mod.rs` declares them and does nothing else.
pub(crate) const GROUPS: &[&str] = &["changes", "data", "postgres"];

/// Every room, from the ground up. A room stands below all that use it.
pub(crate) const ROOMS: &[Room] = &[
    room("error", &[]),
    room("postgres/sql", &["error"]),
    room("toml_table", &["error"]),
    room("postgres/connection", &["error", "postgres/sql"]),
    room("postgres/catalog", &["postgres/connection", "postgres/sql"]),
    room("postgres/ddl", &["postgres/catalog", "postgres/sql"]),
    room("postgres/programs", &["postgres/connection"]),
    room("postgres/scratch", &["error", "postgres/connection", "postgres/programs", "postgres/sql"]),
    room("writer", &["error", "postgres/connection", "postgres/sql"]),
    room("migrations", &["error", "postgres/connection", "postgres/sql"]),
    room("model/diff", &["postgres/catalog", "postgres/connection", "postgres/sql"]),
    room(
        "model",
        &[
            "error",
            "migrations",
            "postgres/catalog",
            "postgres/connection",
            "postgres/scratch",
            "postgres/sql",
        ],
    ),
    room("data/checks", &["error", "postgres/connection", "postgres/sql"]),
    room("data/repair", &["data/checks", "error", "postgres/connection", "postgres/sql", "writer"]),
    room("data/seeds", &["error", "postgres/catalog", "postgres/connection", "postgres/sql", "toml_table"]),
    room(
        "snapshot",
        &[
            "data/seeds",
            "error",
            "migrations",
            "postgres/catalog",
            "postgres/connection",
            "postgres/sql",
            "writer",
        ],
    ),
    room(
        "model/diagnosis",
        &[
            "data/seeds",
            "migrations",
            "model",
            "model/diff",
            "postgres/catalog",
            "postgres/connection",
            "postgres/ddl",
            "postgres/sql",
        ],
    ),
    room(
        "backup",
        &[
            "error",
            "model",
            "model/diff",
            "postgres/catalog",
            "postgres/connection",
            "postgres/programs",
            "postgres/scratch",
            "postgres/sql",
            "writer",
        ],
    ),
    room(
        "changes/plan",
        &[
            "error",
            "migrations",
            "model",
            "model/diagnosis",
            "model/diff",
            "postgres/catalog",
            "postgres/connection",
            "postgres/sql",
        ],
    ),
    room(
        "changes/executor",
        &[
            "changes/plan",
            "error",
            "migrations",
            "model",
            "model/diff",
            "postgres/catalog",
            "postgres/connection",
            "postgres/sql",
            "writer",
        ],
    ),
    room("cli", &["postgres/sql"]),
    room("project", &["cli", "error", "postgres/connection", "postgres/sql", "toml_table"]),
    room(
        "output",
        &[
            "backup",
            "changes/executor",
            "data/checks",
            "data/repair",
            "error",
            "migrations",
            "model/diagnosis",
            "postgres/catalog",
            "postgres/sql",
            "snapshot",
            "writer",
        ],
    ),
    room(
        "workflow",
        &[
            "backup",
            "changes/executor",
            "changes/plan",
            "cli",
            "data/checks",
            "data/repair",
            "data/seeds",
            "error",
            "migrations",
            "model",
            "model/diagnosis",
            "output",
            "postgres/catalog",
            "postgres/connection",
            "postgres/scratch",
            "postgres/sql",
            "project",
            "snapshot",
            "writer",
        ],
    ),
    room(
        "commands",
        &[
            "backup",
            "changes/executor",
            "changes/plan",
            "cli",
            "data/checks",
            "data/repair",
            "data/seeds",
            "error",
            "migrations",
            "model",
            "model/diagnosis",
            "output",
            "postgres/catalog",
            "postgres/connection",
            "postgres/scratch",
            "postgres/sql",
            "project",
            "snapshot",
            "workflow",
            "writer",
        ],
    ),
];

const fn room(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses }
}
