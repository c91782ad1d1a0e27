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
    room("text", &[]),
    room("toml_table", &["error"]),
    room("postgres/sql", &["error"]),
    room("postgres/connection", &["error", "postgres/sql"]),
    room("postgres/catalog", &["postgres/connection", "postgres/sql"]),
    room("postgres/ddl", &["postgres/catalog", "postgres/sql"]),
    room("postgres/programs", &["postgres/connection"]),
    room("postgres/scratch", &["error", "postgres/connection", "postgres/programs", "postgres/sql"]),
    room("findings", &["postgres/ddl"]),
    room("migrations", &["error", "postgres/catalog", "postgres/connection", "postgres/sql"]),
    room("writer", &["error", "postgres/connection", "postgres/sql"]),
    room("data/checks", &["error", "findings", "postgres/connection", "postgres/sql"]),
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
    room(
        "model/diagnosis",
        &[
            "data/seeds",
            "findings",
            "migrations",
            "model",
            "model/diff",
            "postgres/catalog",
            "postgres/connection",
            "postgres/ddl",
            "postgres/sql",
            "text",
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
            "findings",
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
    room("output", &["backup", "error", "findings", "postgres/sql", "text", "writer"]),
    room("cli", &["findings", "output", "postgres/sql"]),
    room("project", &["cli", "error", "findings", "postgres/connection", "postgres/sql", "toml_table"]),
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
            "findings",
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
            "text",
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
            "findings",
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
            "text",
            "toml_table",
            "workflow",
            "writer",
        ],
    ),
];

const fn room(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses }
}
