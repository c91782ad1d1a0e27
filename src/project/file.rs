//! Reads `trueup.toml`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum as _;
use toml::de::DeTable;

use super::backup::{BackupSettings, backup};
use super::gate::{GateSettings, gate};
use super::lint::{LintSettings, lint};
use super::migrations::{MigrationSettings, migrations};
use super::pattern::Patterns;
use super::rehearse::{RehearseSettings, rehearse};
use super::repair::{RepairSettings, repair};
use crate::cli::FailOn;
use crate::error::{ErrorCode, Failure};
use crate::findings::Severity;
use crate::plain_file;
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::{KeyLines, TomlSource, TomlTable, line_ends};

/// The largest settings file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The settings of `trueup.toml`, with every default filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectFile {
    /// `[project] name`
    pub name: Option<String>,
    /// `[database]`
    pub database: DatabaseSettings,
    /// `[compile]`
    pub compile: CompileSettings,
    /// `[migrations]`
    pub migrations: MigrationSettings,
    /// `[check]`
    pub check: CheckSettings,
    /// `[lint]`
    pub lint: LintSettings,
    /// `[backup]`
    pub backup: BackupSettings,
    /// `[repair]`
    pub repair: RepairSettings,
    /// `[rehearse]`
    pub rehearse: RehearseSettings,
    /// `[gate]`
    pub gate: GateSettings,
    /// `[environments.NAME]`
    pub environments: BTreeMap<String, Environment>,
    /// The lines of the keys that are in the file, by their path: `database.url_env`.
    pub lines: BTreeMap<String, usize>,
}

/// What could not be read of `trueup.toml`.
#[derive(Debug, Clone)]
pub struct UnreadPart {
    /// The section, which has its defaults; `None` for the whole file, or for a section that nobody knows.
    pub section: Option<&'static str>,
    /// Whether the whole file has its defaults.
    pub is_all: bool,
    /// Why.
    pub failure: Failure,
}

/// The settings in `[database]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseSettings {
    /// The variable that holds the connection URL.
    pub url_env: String,
    /// The schemas that trueup looks at; empty: all but the system schemas.
    pub schemas: Vec<String>,
    /// The objects that are ignored.
    pub ignore: Patterns,
    /// The `search_path` under which the project's SQL runs.
    pub search_path: String,
    /// The role to work as (`SET ROLE`).
    pub set_role: Option<String>,
    /// The timeout of connecting, which includes waiting for a server that is starting.
    pub connect_timeout: Duration,
    /// The `statement_timeout`; `None` for the default of the command.
    pub statement_timeout: Option<Duration>,
    /// The `lock_timeout`; `None` for the default of the command.
    pub lock_timeout: Option<Duration>,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url_env: "DATABASE_URL".to_owned(),
            schemas: Vec::new(),
            ignore: Patterns::default(),
            search_path: "public, pg_temp".to_owned(),
            set_role: None,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: None,
            lock_timeout: None,
        }
    }
}

/// The settings in `[compile]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompileSettings {
    /// The major version of PostgreSQL to compile with.
    pub server_version: Option<u32>,
    /// Extensions that the throwaway server may lack.
    pub assume_extensions: Vec<String>,
}

/// The settings in `[check]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSettings {
    /// The configured severities by finding code.
    pub severity: BTreeMap<String, SeverityOverride>,
    /// The findings that cause exit code 1; empty for the default.
    pub fail_on: Vec<FailOn>,
}

/// An entry of `[check] severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeverityOverride {
    /// The severity of findings with this code.
    pub severity: Severity,
    /// The line in `trueup.toml`, for an error about an unknown code.
    pub line: usize,
}

/// The settings in `[environments.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The variable that holds the connection URL.
    pub url_env: Option<String>,
    /// The host that the URL must name.
    pub expect_host: Option<String>,
    /// The database that the URL must name.
    pub expect_database: Option<String>,
    /// Whether changes need a typed confirmation, and connections need TLS.
    pub protected: bool,
}

impl ProjectFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Exit 2, with file, line and what was expected.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Self::read_with(path, &mut |_, failure| Err(failure))
    }

    /// Reads what can be read of the file; a section with an error has its defaults. Returns the errors, too.
    pub fn read_all_but_errors(path: &Path) -> (Self, Vec<UnreadPart>) {
        let mut unread = Vec::new();
        let read = Self::read_with(path, &mut |section, failure| {
            unread.push(UnreadPart { section, is_all: false, failure });
            Ok(())
        });
        let file = read.unwrap_or_else(|failure| {
            unread.push(UnreadPart { section: None, is_all: true, failure });
            Self::default()
        });
        (file, unread)
    }

    fn read_with(path: &Path, on_error: &mut OnError<'_>) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("{name}: cannot be read: {error}")).code(ErrorCode::PROJECT_FILE_INVALID)
        };
        let mut bytes = Vec::new();
        let file = plain_file::open(path).map_err(|failure| {
            let what = failure.what.replacen(&format!("{name}: "), &format!("{name}: cannot be read: "), 1);
            Failure { what, ..failure }.code(ErrorCode::PROJECT_FILE_INVALID)
        })?;
        let file = file.ok_or_else(|| unreadable(std::io::ErrorKind::NotFound.into()))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Failure::usage(format!(
                "{name}: is larger than 1 MiB; this cannot be a settings file"
            ))
            .code(ErrorCode::PROJECT_FILE_INVALID));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
            Failure::usage(format!("{name}:{line}: is not UTF-8"))
                .code(ErrorCode::PROJECT_FILE_INVALID)
                .at(&name, line, None)
        })?;
        Self::parse_with(&name, text.strip_prefix('\u{feff}').unwrap_or(text), on_error)
    }

    /// Parses the text of the file `name`.
    ///
    /// # Errors
    /// The same as [`ProjectFile::read`].
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        Self::parse_with(name, text, &mut |_, failure| Err(failure))
    }

    fn parse_with(name: &str, text: &str, on_error: &mut OnError<'_>) -> Result<Self, Failure> {
        let lines = KeyLines::default();
        let source = TomlSource { name, line_ends: &line_ends(text), lines: Some(&lines) };
        let document = DeTable::parse(text)
            .map_err(|error| source.error(&error.span().unwrap_or(0..0), error.message().trim_end()))?;
        let top = TomlTable::new(source, "", document.get_ref());
        let mut file = Self::default();
        let mut sections = Sections { top: &top, lines: &lines, on_error };
        sections.read("project", &mut file.name, project)?;
        sections.read("database", &mut file.database, database)?;
        sections.read("compile", &mut file.compile, compile)?;
        sections.read("migrations", &mut file.migrations, migrations)?;
        sections.read("check", &mut file.check, check)?;
        sections.read("lint", &mut file.lint, lint)?;
        sections.read("backup", &mut file.backup, backup)?;
        sections.read("repair", &mut file.repair, repair)?;
        sections.read("rehearse", &mut file.rehearse, rehearse)?;
        sections.read("gate", &mut file.gate, gate)?;
        sections.read("environments", &mut file.environments, environments)?;
        top.finish().or_else(|failure| on_error(None, failure))?;
        file.lines = lines.into_map();
        Ok(file)
    }
}

/// What becomes of an error in a section: it ends the reading, or the next section is read.
type OnError<'e> = dyn FnMut(Option<&'static str>, Failure) -> Result<(), Failure> + 'e;

/// The sections of a file.
struct Sections<'s, 'a, 'i, 'e> {
    top: &'s TomlTable<'a, 'i>,
    lines: &'s KeyLines,
    on_error: &'s mut OnError<'e>,
}

impl<'a, 'i> Sections<'_, 'a, 'i, '_> {
    /// Reads a section, where there is one. Of one with an error nothing counts.
    fn read<T>(
        &mut self,
        key: &'static str,
        place: &mut T,
        read: impl FnOnce(TomlTable<'a, 'i>) -> Result<T, Failure>,
    ) -> Result<(), Failure> {
        match self.top.section(key).and_then(|found| found.map(read).transpose()) {
            Ok(found) => {
                if let Some(found) = found {
                    *place = found;
                }
                Ok(())
            }
            Err(failure) => {
                self.lines.forget(key);
                (self.on_error)(Some(key), failure)
            }
        }
    }
}

fn project(section: TomlTable<'_, '_>) -> Result<Option<String>, Failure> {
    let name = section.string("name")?;
    section.finish()?;
    Ok(name)
}

fn compile(section: TomlTable<'_, '_>) -> Result<CompileSettings, Failure> {
    let settings = CompileSettings {
        server_version: section.integer(
            "server_version",
            ServerVersion::SUPPORTED,
            "a major version such as 16",
        )?,
        assume_extensions: section.strings("assume_extensions")?.unwrap_or_default(),
    };
    section.finish()?;
    Ok(settings)
}

fn environments(section: TomlTable<'_, '_>) -> Result<BTreeMap<String, Environment>, Failure> {
    let read = |entry: Result<(&str, TomlTable<'_, '_>), Failure>| {
        let (name, section) = entry?;
        Ok((name.to_owned(), environment(section)?))
    };
    section.named().map(read).collect()
}

fn database(section: TomlTable<'_, '_>) -> Result<DatabaseSettings, Failure> {
    let default = DatabaseSettings::default();
    let duration = |key| section.read(key, DURATION, |value| value.as_str().and_then(sql::duration));
    let settings = DatabaseSettings {
        url_env: url_env(&section)?.unwrap_or(default.url_env),
        schemas: section.strings("schemas")?.unwrap_or_default(),
        ignore: Patterns::new(section.strings("ignore")?.unwrap_or_default()),
        search_path: section.string("search_path")?.unwrap_or(default.search_path),
        set_role: section.string("set_role")?,
        connect_timeout: section
            .read("connect_timeout", "a duration above zero such as \"10s\"", |value| {
                value.as_str().and_then(sql::duration).filter(|duration| !duration.is_zero())
            })?
            .unwrap_or(default.connect_timeout),
        statement_timeout: duration("statement_timeout")?,
        lock_timeout: duration("lock_timeout")?,
    };
    section.finish()?;
    Ok(settings)
}

/// The name of an environment variable. A URL here would put a password into a committed file; the error does not
/// repeat it.
fn url_env(section: &TomlTable<'_, '_>) -> Result<Option<String>, Failure> {
    section
        .read("url_env", "the name of an environment variable", |value| {
            let name = value.as_str()?;
            if name.contains("://") {
                return Some(Err(()));
            }
            let valid =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            valid.then(|| Ok(name.to_owned()))
        })?
        .transpose()
        .map_err(|()| {
            section
                .error_at("url_env", "this is a URL; the name of the variable that holds the URL is wanted")
                .next("put the URL into a variable, its name here, and change a password that was committed")
        })
}

fn check(section: TomlTable<'_, '_>) -> Result<CheckSettings, Failure> {
    let mut settings = CheckSettings::default();
    if let Some(severity) = section.section("severity")? {
        let read = |word: &str, line| {
            let severity = match word {
                "error" => Severity::Error,
                "warning" => Severity::Warning,
                "info" => Severity::Info,
                _ => return None,
            };
            Some(SeverityOverride { severity, line })
        };
        settings.severity = severity.map("\"error\", \"warning\" or \"info\"", read)?.into_iter().collect();
    }
    let words: Vec<&str> = FailOn::value_variants().iter().map(|value| value.word()).collect();
    settings.fail_on = section
        .read("fail_on", &format!("one or a list of {}", words.join(", ")), |value| {
            let one =
                |word: &str| FailOn::value_variants().iter().copied().find(|value| value.word() == word);
            match (value.as_str(), value.as_array()) {
                (Some(word), _) => Some(vec![one(word)?]),
                (_, Some(list)) => list.iter().map(|item| one(item.get_ref().as_str()?)).collect(),
                _ => None,
            }
        })?
        .unwrap_or_default();
    section.finish()?;
    Ok(settings)
}

fn environment(section: TomlTable<'_, '_>) -> Result<Environment, Failure> {
    let mut environment = Environment {
        url_env: url_env(&section)?,
        protected: section.boolean("protected")?.unwrap_or_default(),
        ..Environment::default()
    };
    if let Some(expect) = section.section("expect")? {
        environment.expect_host = expect.string("host")?;
        environment.expect_database = expect.string("database")?;
        expect.finish()?;
    }
    section.finish()?;
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::CauseKind;

    fn refused(text: &str) -> String {
        let failure = ProjectFile::parse("trueup.toml", text).unwrap_err();
        assert_eq!(failure.exit, crate::error::Exit::Usage);
        format!("{} | {}", failure.what, failure.next)
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(ProjectFile::parse("trueup.toml", "").unwrap(), ProjectFile::default());
    }

    #[test]
    fn a_section_with_an_error_keeps_no_other_one_from_being_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trueup.toml");
        let text = "[database]\nurl_env = \"A\"\nschema = 1\n[backup]\nstore = \"b\"\n[nothing]\n[repair]\npause = 1\n";
        std::fs::write(&path, text).unwrap();
        let (file, errors) = ProjectFile::read_all_but_errors(&path);
        assert_eq!((file.database, file.backup.store.as_str()), (DatabaseSettings::default(), "b"));
        let lines: Vec<&str> = file.lines.keys().map(String::as_str).collect();
        assert_eq!(lines, ["backup", "backup.store"], "what was not taken from a section has no line");
        let sections: Vec<_> = errors.iter().map(|error| error.section).collect();
        assert_eq!(sections, [Some("database"), Some("repair"), None]);
        let said: Vec<&str> =
            errors.iter().map(|error| error.failure.what.rsplit_once("trueup.toml:").unwrap().1).collect();
        assert!(
            matches!(said[..], [a, b, c] if a.starts_with("3: ") && b.starts_with("8: ") && c.starts_with("6: ")),
            "{said:?}"
        );
        std::fs::write(&path, "[database").unwrap();
        let (file, errors) = ProjectFile::read_all_but_errors(&path);
        assert_eq!((file, errors.len(), errors[0].is_all), (ProjectFile::default(), 1, true));
    }

    #[test]
    fn everything_is_read() {
        let text = r#"
            [project]
            name = "platform"
            [database]
            url_env = "PLATFORM_URL"
            schemas = ["public", "audit"]
            ignore = ["audit.*"]
            search_path = "app, pg_temp"
            set_role = "owner"
            connect_timeout = "3s"
            statement_timeout = "10min"
            lock_timeout = "500ms"
            [compile]
            server_version = 16
            assume_extensions = ["vector"]
            [migrations]
            dir = "db/migrations"
            history = "ops.history"
            lock_timeout = "1s"
            [check]
            severity = { "index.missing" = "error" }
            fail_on = ["drift", "edited"]
            [rehearse]
            max_block = "2s"
            [environments.production]
            url_env = "PRODUCTION_URL"
            expect = { host = "*.example.com", database = "platform" }
            protected = true
        "#;
        let file = ProjectFile::parse("trueup.toml", text).unwrap();
        assert_eq!(file.name.as_deref(), Some("platform"));
        assert_eq!(file.database.url_env, "PLATFORM_URL");
        assert_eq!(file.database.schemas, ["public", "audit"]);
        assert!(file.database.ignore.matches("audit.log"));
        assert_eq!(file.database.lock_timeout, Some(Duration::from_millis(500)));
        assert_eq!(file.database.statement_timeout, Some(Duration::from_secs(600)));
        assert_eq!(file.database.connect_timeout, Duration::from_secs(3));
        assert_eq!(file.compile.server_version, Some(16));
        assert_eq!(file.migrations.dir, "db/migrations");
        assert!(file.migrations.history.is_some_and(|history| history.table.is("ops", "history")));
        assert_eq!(file.migrations.lock_timeout, Duration::from_secs(1));
        assert_eq!(
            file.check.severity["index.missing"],
            SeverityOverride { severity: Severity::Error, line: 21 }
        );
        assert_eq!(file.check.fail_on, [FailOn::Cause(CauseKind::Drift), FailOn::Cause(CauseKind::Edited)]);
        assert_eq!(file.rehearse.max_block, Some(Duration::from_secs(2)));
        let production = &file.environments["production"];
        assert!(production.protected);
        assert_eq!(production.expect_host.as_deref(), Some("*.example.com"));
    }

    #[test]
    fn f46_a_malformed_file_names_file_line_and_what_was_expected() {
        for (text, wanted) in [
            (
                "[database]\nschema = [\"public\"]",
                "trueup.toml:2: unknown key \"schema\" in [database] | did you mean \"schemas\"?",
            ),
            ("[databse]", "trueup.toml:1: unknown key \"databse\" | did you mean \"database\"?"),
            ("[fleet]\nx = 1", "trueup.toml:1: unknown key \"fleet\""),
            (
                "[environments.prod]\nprotect = true",
                "trueup.toml:2: unknown key \"protect\" in [environments.prod] | did you mean \"protected\"?",
            ),
            (
                "\n[compile]\nserver_version = \"16\"",
                "trueup.toml:3: compile.server_version: expected a major version such as 16, found \"16\"",
            ),
            (
                "[compile]\nserver_version = 1.5",
                "trueup.toml:2: compile.server_version: expected a major version such as 16, found a float",
            ),
            ("[compile]\nserver_version = -1", "found an integer"),
            ("[migrations]\nhistory = \"history\"", "migrations.history: expected a table with its schema"),
            ("[migrations]\nhistory = \"trueup.history\"", "migrations.history: expected a table with"),
            (
                "[migrations]\ntool = \"goose\"\nhistory = \"ops.history\"",
                "trueup.toml:3: migrations.history: the history of these migrations is goose's own table",
            ),
            (
                "[migrations]\ntool = \"goose\"\nalso_record_in = \"goose\"",
                "trueup.toml:3: migrations.also_record_in: goose keeps the migrations",
            ),
            (
                "[migrations]\nalso_record_in = \"django\"",
                "migrations.also_record_in: expected one of dbmate, diesel",
            ),
            (
                "[migrations]\ntool = \"goose\"\nprogram = [\"goose\"]",
                "trueup.toml:3: migrations.program: goose keeps its migrations as SQL",
            ),
            (
                "[migrations]\ntool = \"gose\"",
                "trueup.toml:2: migrations.tool: expected one of trueup, alembic, command, dbmate",
            ),
            (
                "[database]\nlock_timeout = \"5 parsecs\"",
                "trueup.toml:2: database.lock_timeout: expected a duration such as",
            ),
            ("[database]\nconnect_timeout = \"0s\"", "expected a duration above zero"),
            (
                "[database]\nschemas = \"public\"",
                "trueup.toml:2: database.schemas: expected a list of strings, found a string",
            ),
            (
                "[database]\nschemas = [\n\"a\",\n1]",
                "trueup.toml:4: database.schemas: expected a list of strings, found an integer",
            ),
            (
                "[check]\nfail_on = \"drfit\"",
                "trueup.toml:2: check.fail_on: expected one or a list of error, warning",
            ),
            (
                "[check]\nseverity = { \"index.missing\" = \"loud\" }",
                "trueup.toml:2: check.severity.index.missing: expected \"error\", \"warning\" or \"info\"",
            ),
            ("database = 3", "trueup.toml:1: database: expected a table, found an integer"),
            (
                "[environments]\nproduction = true",
                "trueup.toml:2: environments.production: expected a table, found a boolean",
            ),
            ("[database\n", "trueup.toml:1: "),
            ("[database]\nschemas = [\"a\"", "trueup.toml:2: "),
            ("[project]\nname = \"a\"\nname = \"b\"", "trueup.toml:3: "),
        ] {
            let said = refused(text);
            assert!(said.contains(wanted), "{text}\n{said}");
        }
    }

    #[test]
    fn f53_a_url_in_place_of_a_variables_name_is_not_quoted() {
        let said = refused("[database]\nurl_env = \"postgres://app:canary@db/x\"");
        assert!(
            said.contains("trueup.toml:2: database.url_env: this is a URL;") && !said.contains("canary"),
            "{said}"
        );
    }

    #[test]
    fn f46_what_is_no_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trueup.toml");
        std::fs::write(&path, b"[project]\nname = \"\xff\"").unwrap();
        let said = ProjectFile::read(&path).unwrap_err().what;
        assert!(said.ends_with("trueup.toml:2: is not UTF-8"), "{said}");
        std::fs::write(&path, vec![b'#'; (MAX_BYTES + 1) as usize]).unwrap();
        let said = ProjectFile::read(&path).unwrap_err().what;
        assert!(said.contains("larger than 1 MiB"), "{said}");
        std::fs::write(&path, "\u{feff}[project]\nname = \"x\"").unwrap();
        assert_eq!(ProjectFile::read(&path).unwrap().name.as_deref(), Some("x"));
    }

    proptest::proptest! {
        #[test]
        fn f46_no_text_breaks_the_reader(text in "[\\[\\]a-z_.=\"{}, \n0-9]{0,80}") {
            let _ = ProjectFile::parse("trueup.toml", &text);
        }
    }
}
