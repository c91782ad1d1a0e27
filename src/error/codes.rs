//! The stable codes of errors: what a pipeline branches on, and what tests compare.
//!
//! A code says which condition ended a command. The exit code says what that left behind, and one condition may come
//! with several exit codes: a lock that timed out can end a run before its first migration (75) or after one (6). Codes
//! are an API: a code is never renamed and never means something else. A failure without a condition of its own has the
//! code of its exit code ([`ErrorCode::of_exit`]).

use std::fmt;

use serde::Serialize;

use super::Exit;

/// A code of [`ErrorCode::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ErrorCode(&'static str);

impl ErrorCode {
    /// The text, as JSON has it.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The code of a failure that has none of its own.
    pub const fn of_exit(exit: Exit) -> Self {
        match exit {
            Exit::Clean | Exit::Findings => Self::FINDINGS,
            Exit::Usage => Self::USAGE,
            Exit::CannotTell => Self::CANNOT_TELL,
            Exit::Refused => Self::REFUSED,
            Exit::RolledBack => Self::FAILED,
            Exit::Partial => Self::PARTIAL,
            Exit::Unknown => Self::UNKNOWN_OUTCOME,
            Exit::Internal => Self::INTERNAL,
            Exit::Busy => Self::BUSY,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        impl ErrorCode {
            $($(#[$doc])+ pub const $name: Self = Self($text);)+

            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

error_codes! {
    /// Something was found, and stopped the command.
    FINDINGS = "findings";
    /// The arguments or the project's files are wrong.
    USAGE = "usage";
    /// The answer cannot be had.
    CANNOT_TELL = "cannot_tell";
    /// The command was refused before anything was changed.
    REFUSED = "refused";
    /// The work failed and was rolled back.
    FAILED = "failed";
    /// The work failed part-way.
    PARTIAL = "partial";
    /// Nobody knows whether the work was done.
    UNKNOWN_OUTCOME = "unknown_outcome";
    /// trueup itself failed.
    INTERNAL = "internal";
    /// Somebody else holds it.
    BUSY = "busy";

    /// An argument is unknown, missing or malformed.
    USAGE_ARGUMENTS = "usage.arguments";
    /// There is no command of that name.
    USAGE_UNKNOWN_COMMAND = "usage.unknown_command";
    /// A report could not be written to the end.
    OUTPUT_NOT_WRITTEN = "output.not_written";

    /// Another process listens on the address already.
    ADDRESS_IN_USE = "address.in_use";
    /// This machine does not have the address, or this user may not listen on it.
    ADDRESS_UNAVAILABLE = "address.unavailable";

    /// There is no project in the working directory, or where `--project` says.
    PROJECT_NOT_FOUND = "project.not_found";
    /// `trueup.toml`, or a TOML file beside it, is wrong.
    PROJECT_FILE_INVALID = "project.file_invalid";
    /// `trueup.toml` has no environment of that name.
    ENVIRONMENT_UNKNOWN = "environment.unknown";
    /// A file of `schema/` is wrong.
    SCHEMA_INVALID = "schema.invalid";
    /// A file of `schema/` that a command would change holds what it did not write.
    SCHEMA_FILE_FOREIGN = "schema.file_foreign";
    /// Only a person can decide something about a migration that is to be generated, and nobody has.
    GENERATE_UNDECIDED = "generate.undecided";
    /// What was to be written does not give the schema of the database.
    SCHEMA_NOT_PROVED = "schema.not_proved";
    /// A file of `migrations/` is wrong.
    MIGRATIONS_INVALID = "migrations.invalid";
    /// A placeholder in a migration has no value that is known.
    MIGRATIONS_PLACEHOLDER = "migrations.placeholder";
    /// A file of `checks/` is wrong.
    CHECKS_INVALID = "checks.invalid";
    /// A file of `schema/seeds/` is wrong.
    SEEDS_INVALID = "seeds.invalid";
    /// `attestations.jsonl` is wrong.
    ATTESTATIONS_INVALID = "attestations.invalid";
    /// `sizes.json` is wrong.
    SIZES_INVALID = "sizes.invalid";
    /// `trueup.lock` cannot be read.
    LOCK_FILE_INVALID = "lock_file.invalid";
    /// `trueup.lock` is older than the files that it is built from, and has to be current here.
    LOCK_FILE_STALE = "lock_file.stale";
    /// There is no server to compile in.
    SCRATCH_UNAVAILABLE = "scratch.unavailable";
    /// No disk has room for the rows of a backup in a scratch server.
    SCRATCH_NO_ROOM = "scratch.no_room";
    /// A database or role could not be removed from the scratch server.
    SCRATCH_LEFT_BEHIND = "scratch.left_behind";

    /// No database was given.
    CONNECTION_NOT_GIVEN = "connection.not_given";
    /// The connection URL is malformed.
    CONNECTION_URL_INVALID = "connection.url_invalid";
    /// No server is listening there.
    CONNECTION_REFUSED = "connection.refused";
    /// The server did not answer in time.
    CONNECTION_TIMEOUT = "connection.timeout";
    /// There is no way to the server: name, network, socket.
    CONNECTION_UNREACHABLE = "connection.unreachable";
    /// The server refuses the role or its password.
    CONNECTION_AUTHENTICATION = "connection.authentication";
    /// TLS is missing, or its certificate is not trusted.
    CONNECTION_TLS = "connection.tls";
    /// The server there is not PostgreSQL.
    CONNECTION_NOT_POSTGRESQL = "connection.not_postgresql";
    /// The server has no such database.
    CONNECTION_NO_SUCH_DATABASE = "connection.no_such_database";
    /// The server, role, database or pooler takes no more connections.
    CONNECTION_LIMIT = "connection.limit";
    /// The connection was lost, or the server ended it.
    CONNECTION_LOST = "connection.lost";
    /// A transaction-pooling proxy is between trueup and the server.
    CONNECTION_POOLER = "connection.pooler";
    /// Two connections to one URL reached different databases.
    CONNECTION_DIFFERENT_DATABASES = "connection.different_databases";

    /// The server or database is read-only.
    SERVER_READ_ONLY = "server.read_only";
    /// The server is a standby.
    SERVER_STANDBY = "server.standby";
    /// The server is starting or shutting down.
    SERVER_NOT_READY = "server.not_ready";
    /// The server stopped a statement that took too long, or that somebody cancelled.
    SERVER_STATEMENT_CANCELLED = "server.statement_cancelled";
    /// The server refused a statement that was to change something, outside of a migration's script.
    SERVER_REFUSED = "server.refused";
    /// The server has no room or memory left.
    SERVER_OUT_OF_RESOURCES = "server.out_of_resources";
    /// This trueup does not know the server's version.
    SERVER_VERSION_UNSUPPORTED = "server.version_unsupported";
    /// The role lacks a right.
    PERMISSION_MISSING = "permission.missing";

    /// The database's label names another environment than the one that was asked for.
    DATABASE_WRONG_ENVIRONMENT = "database.wrong_environment";
    /// The database's label names another project.
    DATABASE_WRONG_PROJECT = "database.wrong_project";
    /// The URL is not the one that the environment expects.
    DATABASE_WRONG_ADDRESS = "database.wrong_address";
    /// The gate did not get an answer in time.
    GATE_DEADLINE = "gate.deadline";
    /// What is overridden was decided for another trueup.lock.
    GATE_OTHER_LOCK = "gate.other_lock";
    /// The file of `--gate` cannot be read, or is no document of the gate.
    GATE_FILE_INVALID = "gate.file_invalid";
    /// The gate did not say READY to this change.
    GATE_REFUSED = "gate.refused";
    /// A migration failed in the history of another tool.
    HISTORY_FAILED = "history.failed";
    /// The command of another tool could not be run, or failed.
    TOOL_FAILED = "tool.failed";
    /// Another tool keeps the project's migrations and their history.
    HISTORY_OF_ANOTHER_TOOL = "history.of_another_tool";
    /// There is no schema for the history table, and no migration creates one.
    HISTORY_NO_SCHEMA = "history.no_schema";
    /// The database looks like another application's.
    DATABASE_OTHER = "database.other";
    /// The schema `trueup` in the database is not as trueup creates it.
    DATABASE_STATE_FOREIGN = "database.state_foreign";
    /// A newer trueup has written to the database.
    DATABASE_STATE_NEWER = "database.state_newer";
    /// The run cannot be recorded in the database.
    DATABASE_STATE_NOT_WRITABLE = "database.state_not_writable";

    /// The database has no migration history.
    HISTORY_MISSING = "history.missing";
    /// A baseline replaces migrations of which the history has only some.
    HISTORY_PARTLY_SQUASHED = "history.partly_squashed";
    /// A migration was modified after it was applied.
    HISTORY_EDITED = "history.edited";
    /// A migration below the newest applied one is not applied.
    HISTORY_SKIPPED = "history.skipped";
    /// The history table is not one, or contradicts itself.
    HISTORY_MALFORMED = "history.malformed";
    /// This role may not read the history.
    HISTORY_HIDDEN = "history.hidden";
    /// The database has migrations that this project does not have.
    HISTORY_AHEAD = "history.ahead";
    /// An applied migration's file was given another version.
    HISTORY_RENUMBERED = "history.renumbered";
    /// A migration was interrupted and has to be finished first.
    HISTORY_INTERRUPTED = "history.interrupted";

    /// The schema changed each time it was read.
    SCHEMA_CHANGING = "schema.changing";
    /// The database changed after the plan was shown.
    SCHEMA_CHANGED_SINCE_SHOWN = "schema.changed_since_shown";
    /// The schema is not what the applied migrations build, where a pending migration needs it to be.
    SCHEMA_DRIFT = "schema.drift";

    /// Another run of trueup holds the lock of the database.
    LOCK_HELD = "lock.held";
    /// A statement timed out waiting for a lock.
    LOCK_TIMEOUT = "lock.timeout";
    /// The server aborted a transaction because of another one (deadlock, serialization).
    LOCK_CONFLICT = "lock.conflict";

    /// There is no migration of that version.
    MIGRATION_UNKNOWN = "migration.unknown";
    /// A migration has a statement or directive that cannot be run.
    MIGRATION_UNSUPPORTED = "migration.unsupported";
    /// The server refused a statement of a migration.
    MIGRATION_FAILED = "migration.failed";
    /// A statement of a migration would take longer than it may; it was not begun.
    MIGRATION_TOO_LONG = "migration.too_long";
    /// What a migration built is not what trueup.lock says it builds.
    MIGRATION_NOT_PROVED = "migration.not_proved";
    /// A migration that is to be reverted has no down script.
    MIGRATION_NO_DOWN_SCRIPT = "migration.no_down_script";
    /// The schema contradicts what a person says of a migration or version.
    MIGRATION_CONTRADICTED = "migration.contradicted";

    /// A signal ended the run.
    RUN_INTERRUPTED = "run.interrupted";
    /// A step took longer than its limit.
    RUN_TOO_LONG = "run.too_long";
    /// Another run has taken over the database.
    RUN_SUPERSEDED = "run.superseded";
    /// Nobody knows whether a COMMIT took place.
    RUN_COMMIT_UNKNOWN = "run.commit_unknown";
    /// There is nobody to ask, and `--yes` is missing or not enough.
    CONFIRMATION_MISSING = "confirmation.missing";
    /// The answer was no.
    CONFIRMATION_DECLINED = "confirmation.declined";

    /// A data check that a migration requires finds wrong rows.
    DATA_CHECK_FAILING = "data.check_failing";
    /// This role cannot see every row.
    DATA_HIDDEN = "data.hidden";
    /// Reading a table could run code of a weaker role with this role's rights.
    DATA_UNTRUSTED = "data.untrusted_code";
    /// A fix would change more rows than its file allows.
    REPAIR_TOO_MANY_ROWS = "repair.too_many_rows";
    /// The run has no repair that could be undone.
    REPAIR_NOT_FOUND = "repair.not_found";

    /// `--no-backup` is not allowed here.
    BACKUP_REQUIRED = "backup.required";
    /// There is no pg_dump or pg_restore that suits the server.
    BACKUP_PROGRAM_MISSING = "backup.program_missing";
    /// The store of backups cannot be used.
    BACKUP_STORE_UNAVAILABLE = "backup.store_unavailable";
    /// The store of backups needs credentials.
    BACKUP_STORE_CREDENTIALS = "backup.store_credentials";
    /// There is no such backup, or several.
    BACKUP_NOT_FOUND = "backup.not_found";
    /// A backup has migrations that the database does not have.
    BACKUP_TOO_NEW = "backup.too_new";
    /// A backup is damaged.
    BACKUP_DAMAGED = "backup.damaged";
    /// No backup could be taken.
    BACKUP_FAILED = "backup.failed";
    /// This machine refused a file, a directory, a process or a descriptor.
    MACHINE_RESOURCES = "machine.resources";
    /// The database to restore into is not empty.
    RESTORE_TARGET_NOT_EMPTY = "restore.target_not_empty";
    /// The backup does not fit the server.
    RESTORE_INCOMPATIBLE = "restore.incompatible";
    /// The restore failed.
    RESTORE_FAILED = "restore.failed";
    /// pg_restore could not restore an object of the backup.
    RESTORE_OBJECT_FAILED = "restore.object_failed";
    /// What was restored is not what was backed up.
    RESTORE_NOT_PROVED = "restore.not_proved";
    /// A reset is not for this database.
    RESET_NOT_ALLOWED = "reset.not_allowed";
    /// Migrations cannot be replaced by one baseline.
    SQUASH_NOT_POSSIBLE = "squash.not_possible";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code), "{code} twice");
            let parts: Vec<&str> = code.as_str().split('.').collect();
            assert!(parts.len() <= 2, "{code}");
            for part in parts {
                let edges = part.starts_with('_') || part.ends_with('_');
                let letters = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                assert!(!part.is_empty() && letters && !edges, "{code}");
            }
        }
    }

    #[test]
    fn every_exit_code_has_a_code() {
        let exits = [
            Exit::Findings,
            Exit::Usage,
            Exit::CannotTell,
            Exit::Refused,
            Exit::RolledBack,
            Exit::Partial,
            Exit::Unknown,
            Exit::Internal,
            Exit::Busy,
        ];
        let codes: BTreeSet<_> = exits.map(ErrorCode::of_exit).into_iter().collect();
        assert_eq!(codes.len(), exits.len());
    }
}
