//! A migration tool of the project's own (`[migrations] tool = "command"`): the commands that list, apply and revert its
//! migrations, and the column in which it records them.

use crate::error::Failure;
use crate::migrations::tools::{MigrationTool, REVISION};
use crate::postgres::sql::{ChosenHistory, QualifiedTable};
use crate::toml_table::TomlTable;

/// How the project's own tool is called. Each is a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTool {
    /// Prints one revision a line.
    pub list: Vec<String>,
    /// Connects to the database and changes nothing; empty where the list does that.
    pub status: Vec<String>,
    /// Applies the revision that [`REVISION`] stands for.
    pub apply: Vec<String>,
    /// Applies all that is pending, or one revision for each.
    pub upgrade: Vec<String>,
    /// Reverts the revision that [`REVISION`] stands for; empty where it can revert none.
    pub revert: Vec<String>,
    /// Where it records what is applied.
    pub applied: ChosenHistory,
}

/// The settings that belong to the project's own tool alone.
const KEYS: [&str; 6] = ["list", "status", "apply", "upgrade", "revert", "applied"];

/// The settings that other tools have, each with what stands in its place here.
const OF_OTHERS: [(&str, &str); 4] = [
    ("command", "its command that applies all that is pending is `upgrade`"),
    ("program", "its commands are `list`, `apply`, `upgrade` and `revert`, each with its program"),
    ("driver", "it is given the URL as it is; name other variables in [migrations.variables]"),
    ("history", "its table and the column of its revisions are `applied = { table = ..., column = ... }`"),
];

/// Reads the settings of the project's own tool; `None` for any other.
///
/// # Errors
/// Exit 2: one is missing, or wrong; a setting of the project's own tool is given for another one, or the reverse.
pub(super) fn own_tool(
    section: &TomlTable<'_, '_>,
    tool: Option<MigrationTool>,
) -> Result<Option<OwnTool>, Failure> {
    if tool != Some(MigrationTool::Command) {
        return match KEYS.into_iter().find(|key| section.raw(key).is_some()) {
            Some(key) => Err(section
                .error_at(key, "this is a setting of a migration tool of your own")
                .next("remove it, or write tool = \"command\"")),
            None => Ok(None),
        };
    }
    if let Some((key, instead)) = OF_OTHERS.into_iter().find(|(key, _)| section.raw(key).is_some()) {
        return Err(section
            .error_at(key, "this is no setting of a migration tool of your own (tool = \"command\")")
            .next(instead));
    }
    let list = section.strings("list")?.filter(|words| !words.is_empty());
    let list = list.ok_or_else(|| {
        missing(
            section,
            "list",
            "the command that prints one revision a line: list = [\"./migrate\", \"list\"]",
        )
    })?;
    let apply = of_revision(section, "apply")?.ok_or_else(|| {
        missing(
            section,
            "apply",
            "the command that applies one revision: apply = [\"./migrate\", \"up\", \"{revision}\"]",
        )
    })?;
    let upgrade = section.strings("upgrade")?.filter(|words| !words.is_empty());
    Ok(Some(OwnTool {
        list,
        status: section.strings("status")?.unwrap_or_default(),
        upgrade: upgrade.unwrap_or_else(|| apply.clone()),
        apply,
        revert: of_revision(section, "revert")?.unwrap_or_default(),
        applied: applied(section)?,
    }))
}

fn missing(section: &TomlTable<'_, '_>, key: &str, what: &str) -> Failure {
    let missing = format!("`{key}` is missing, which tool = \"command\" needs");
    section.error_at("tool", &missing).next(format!("add {what}"))
}

/// A command that is about one revision, and says where its identifier stands.
fn of_revision(section: &TomlTable<'_, '_>, key: &'static str) -> Result<Option<Vec<String>>, Failure> {
    let Some(words) = section.strings(key)?.filter(|words| !words.is_empty()) else { return Ok(None) };
    if words.iter().skip(1).any(|word| word.contains(REVISION)) {
        return Ok(Some(words));
    }
    let what =
        format!("expected an argument with {REVISION} in it, which stands for the identifier of a migration");
    Err(section
        .error_at(key, &what)
        .next(format!("for example {key} = [\"./migrate\", {key:?}, {REVISION:?}]")))
}

/// The table and the column of its revisions.
fn applied(section: &TomlTable<'_, '_>) -> Result<ChosenHistory, Failure> {
    let example = "applied = { table = \"public.my_migrations\", column = \"version\" }";
    let incomplete =
        |key: &str| missing(section, key, &format!("where the tool records what is applied: {example}"));
    let applied = section.section("applied")?.ok_or_else(|| incomplete("applied"))?;
    let table = applied.read("table", TABLE, |value| table(value.as_str()?))?;
    let column = applied.read("column", "a column's name, of letters, digits and underscores", |value| {
        let is_plain = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        value.as_str().filter(is_plain).map(str::to_owned)
    })?;
    applied.finish()?;
    Ok(ChosenHistory {
        table: table.ok_or_else(|| incomplete("applied.table"))?,
        column: Some(column.ok_or_else(|| incomplete("applied.column"))?),
    })
}

/// What is expected of the name of a history's table.
pub(super) const TABLE: &str = "a table with its schema, such as \"app.schema_history\"";

/// A table of the project's: neither in trueup's own schema nor in the system's.
pub(super) fn table(text: &str) -> Option<QualifiedTable> {
    let table = QualifiedTable::parse(text)?;
    let is_taken = table.schema == "trueup" || table.schema.starts_with("pg_");
    (!is_taken && !table.to_string().contains('\0')).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::super::ProjectFile;

    const WHOLE: &str = "[migrations]\ntool = \"command\"\nlist = [\"./m\", \"list\"]\napply = [\"./m\", \"up\", \"{revision}\"]\n\
                         applied = { table = \"ops.done\", column = \"Version\" }\n";

    #[test]
    fn a_tool_of_the_projects_own_is_read() {
        let settings = ProjectFile::parse("trueup.toml", WHOLE).expect("reads").migrations;
        let own = settings.own.expect("a tool");
        assert_eq!(own.list, ["./m", "list"]);
        assert_eq!(own.upgrade, own.apply);
        assert!(own.revert.is_empty() && own.status.is_empty());
        assert_eq!(settings.command, own.apply);
        assert_eq!(settings.history, Some(own.applied.clone()));
        assert_eq!(
            (own.applied.table.to_string(), own.applied.column),
            ("ops.done".into(), Some("Version".into()))
        );
    }

    #[test]
    fn f46_what_is_missing_or_wrong_is_told_with_its_line() {
        for (was, is, wanted) in [
            (
                "list = [\"./m\", \"list\"]\n",
                "",
                "trueup.toml:2: migrations.tool: `list` is missing, which tool = \"command\" needs",
            ),
            ("list = [\"./m\", \"list\"]", "list = []", "`list` is missing"),
            (
                "list = [\"./m\", \"list\"]",
                "list = \"./m list\"",
                "trueup.toml:3: migrations.list: expected a list of strings",
            ),
            ("apply = [\"./m\", \"up\", \"{revision}\"]\n", "", "`apply` is missing"),
            (
                "\"{revision}\"",
                "\"all\"",
                "trueup.toml:4: migrations.apply: expected an argument with {revision} in it",
            ),
            ("applied =", "# applied =", "`applied` is missing"),
            ("table = \"ops.done\", ", "", "`applied.table` is missing"),
            (
                "\"ops.done\"",
                "\"done\"",
                "trueup.toml:5: migrations.applied.table: expected a table with its schema",
            ),
            (", column = \"Version\"", "", "`applied.column` is missing"),
            ("\"Version\"", "\"a b\"", "migrations.applied.column: expected a column's name"),
            ("column", "colum", "unknown key \"colum\""),
            (
                "tool = \"command\"",
                "tool = \"goose\"",
                "trueup.toml:3: migrations.list: this is a setting of a migration tool of your own",
            ),
            (
                "list =",
                "revert = [\"./m\", \"down\"]\nlist =",
                "trueup.toml:3: migrations.revert: expected an argument with",
            ),
            (
                "list =",
                "program = [\"./m\"]\nlist =",
                "trueup.toml:3: migrations.program: this is no setting of a migration tool",
            ),
            ("list =", "history = \"a.b\"\nlist =", "trueup.toml:3: migrations.history: this is no setting"),
        ] {
            let text = WHOLE.replacen(was, is, 1);
            assert_ne!(text, WHOLE);
            let failure = ProjectFile::parse("trueup.toml", &text).expect_err(&text);
            assert!(failure.what.contains(wanted), "{text}\n{failure}");
        }
    }
}
