//! Commands of other tools (Alembic, Django, Flyway, Prisma, sqlx, dbmate, Atlas, Terraform), and what answers to them
//! here.
//!
//! A word that would change a database in another tool is never taken for one of trueup's: it is an error that names the
//! command, and the way to see first what it would do.

/// What to say to somebody who typed another tool's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// What trueup has for that.
    pub(super) what: &'static str,
    /// What to run, which writes nothing.
    pub(super) next: &'static str,
}

/// What answers to a word of another tool.
pub(super) fn answer(word: &str) -> Option<Answer> {
    let (_, what, next) = OTHERS.iter().find(|(words, ..)| words.contains(&word))?;
    Some(Answer { what, next })
}

/// Words of other tools, what trueup has for them, and what to run next.
const OTHERS: &[(&[&str], &str, &str)] = &[
    (
        &["migrate", "apply", "deploy", "push", "up", "update"],
        "To apply pending migrations: trueup upgrade",
        "see what it would do first: trueup upgrade --dry-run",
    ),
    (
        &["plan", "preview"],
        "To see what an upgrade would do: trueup upgrade --dry-run",
        "trueup upgrade --dry-run; what differs from schema/: trueup check",
    ),
    (&["diff", "drift"], "To see what differs between a database and schema/: trueup check", "trueup check"),
    (
        &["current", "info", "version"],
        "To see the database's migration status: trueup status",
        "trueup status",
    ),
    (
        &["history", "log", "logs", "runs", "audit"],
        "To see who ran what, and when: trueup status --runs",
        "trueup status --runs",
    ),
    (
        &["rollback", "revert", "down"],
        "To revert migrations by their down scripts: trueup downgrade; to restore the rows of a repair: trueup undo",
        "see what it would do first: trueup downgrade --to VERSION --dry-run, or trueup undo RUN --dry-run",
    ),
    (
        &["repair", "fix"],
        "To repair rows: trueup verify --fix; to say what became of a modified or interrupted migration (Flyway: repair): \
         trueup resolve",
        "see what it would do first: trueup verify --fix --dry-run; or read: trueup help resolve",
    ),
    (
        &["stamp", "fake"],
        "To record which migrations an existing database has: trueup adopt; one migration: trueup resolve",
        "see what it would do first: trueup adopt --dry-run",
    ),
    (
        &["validate"],
        "To compare a database with schema/: trueup check; applied migrations with their files: trueup status; to see \
         whether trueup.lock is up to date: trueup compile --check",
        "trueup check",
    ),
    (&["dump"], "To take a backup: trueup backup", "read first: trueup help backup"),
    (
        &["load", "import"],
        "To insert reference rows: trueup seed; to restore a backup: trueup restore",
        "see what it would do first: trueup seed --dry-run; or read: trueup help restore",
    ),
    (
        &["new", "create", "make", "makemigrations", "add", "autogenerate"],
        "To write the migration that is missing: trueup generate; one to be filled by hand: trueup generate --empty NAME",
        "read first: trueup help generate",
    ),
    (
        &["clean", "drop", "recreate"],
        "To drop and build again a database of development: trueup reset",
        "see what it would do first: trueup reset --dry-run",
    ),
    (
        &["pull", "introspect", "inspect"],
        "To write schema/ from a database: trueup init --from-database, with --database-url URL",
        "read first: trueup help init",
    ),
    (
        &["merge", "squashmigrations", "squash-migrations"],
        "To replace old migrations by one baseline that builds the same: trueup squash",
        "see what it would do first: trueup squash --to VERSION --dry-run",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::COMMANDS;
    use super::super::registry::CommandEffect;
    use super::*;

    #[test]
    fn no_word_is_said_twice_or_is_a_command_here() {
        let mut seen = std::collections::BTreeSet::new();
        for word in OTHERS.iter().flat_map(|(words, ..)| words.iter()) {
            assert!(seen.insert(word), "{word} twice");
            let own = |command: &super::super::Registered| {
                command.name == *word || command.help.aliases.contains(word)
            };
            assert!(!COMMANDS.iter().any(own), "{word} is a command");
        }
    }

    /// What is to be run writes nothing, and every command that is named exists.
    #[test]
    fn the_next_step_writes_nothing() {
        for (words, what, next) in OTHERS {
            for (text, is_next) in [(what, false), (next, true)] {
                for rest in text.split("trueup ").skip(1) {
                    let name = rest.split([' ', ';', ',', ':']).next().unwrap_or_default();
                    if name == "help" {
                        continue;
                    }
                    let command = COMMANDS.iter().find(|command| command.name == name);
                    let command = command.unwrap_or_else(|| panic!("{words:?}: there is no command {name}"));
                    let part = rest.split([';', ',']).next().unwrap_or_default();
                    let harmless = command.effect == CommandEffect::Reads
                        || part.contains("--dry-run")
                        || (command.effect == CommandEffect::ReadsOrWrites
                            && !part.contains("--fix")
                            && !part.contains("--record"));
                    assert!(!is_next || harmless, "{words:?}: {next}");
                }
            }
        }
    }
}
