//! Resolves command line, environment variables and `trueup.toml` to one [`Settings`] value. Nothing else reads any
//! of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::backup::BackupSettings;
use super::command_args::CommandCall;
use super::directory::{self, Project, SETTINGS_FILE};
use super::file::{CheckSettings, DatabaseSettings, Environment, ProjectFile};
use super::gate::{GateSettings, KnownSecrets, RequiredValue};
use super::lint::LintSettings;
use super::migrations::MigrationSettings;
use super::named_environment::{NamedEnvironment, unknown_environment};
use super::origin::{DATABASE_URL, GivenUrl, SettingOrigins};
use super::output::OutputSettings;
use super::pattern::Patterns;
use super::process_env::{Caller, Credentials, ProcessEnv};
use super::rehearse::RehearseSettings;
use super::repair::RepairSettings;
use crate::cli::{ScratchArgs, Secret, Shared};
use crate::error::{ErrorCode, Failure};
use crate::output::{Format, MetricLabels};
use crate::postgres::connection::{PasswordSources, Target};
use crate::text::holds_password;

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project directory.
    pub project: Project,
    /// `[database]` with the overrides of the environment; `ignore` includes `check --ignore`.
    pub database: DatabaseSettings,
    /// `[check]`; `check --fail-on` replaces `fail_on`.
    pub check: CheckSettings,
    /// `[lint]`
    pub lint: LintSettings,
    /// `check --only`; empty: all objects.
    pub only: Patterns,
    /// The codes of findings in `check --only`; empty: all.
    pub only_codes: Vec<String>,
    /// The source of the throwaway server.
    pub scratch: ScratchSettings,
    /// The extensions in `[compile] assume_extensions`.
    pub assume_extensions: Vec<String>,
    /// The environment of `--env`, otherwise the one that `environment set` names.
    pub environment: Option<NamedEnvironment>,
    /// Whether `--env` or `TRUEUP_ENV` was given.
    pub environment_asked_for: bool,
    /// All environments in `trueup.toml` by name.
    pub environments: BTreeMap<String, Environment>,
    /// `[migrations]`
    pub migrations: MigrationSettings,
    /// `[backup]`
    pub backup: BackupSettings,
    /// `[repair]`
    pub repair: RepairSettings,
    /// `[rehearse]`
    pub rehearse: RehearseSettings,
    /// `[gate]`
    pub gate: GateSettings,
    /// The variables that `[gate]` requires, as the environment has them.
    pub required_values: Vec<RequiredValue>,
    /// What no output of other programs may show.
    pub secrets: KnownSecrets,
    /// The credentials for an object store.
    pub credentials: Credentials,
    /// Who runs the command, and where.
    pub caller: Caller,
    /// The editor in VISUAL or EDITOR.
    pub editor: Option<String>,
    /// The settings of the output.
    pub output: OutputSettings,
    /// The ULID of the run.
    pub run: String,
    /// The name of the command.
    pub command: &'static str,
    /// Where each setting came from.
    pub origins: SettingOrigins,
    /// What is wrong with the project or its settings, for a command that works all the same.
    pub wrong: Vec<Failure>,
    /// The sections of `trueup.toml` that could not be read, and have their defaults.
    unread: UnreadSections,
    /// The variables that would redirect libpq or psql, and that trueup does not heed.
    pub ignored_variables: Vec<String>,
    url: GivenUrl,
    passwords: PasswordSources,
}

/// The sections of `trueup.toml` that could not be read.
#[derive(Debug, Clone, Default)]
struct UnreadSections {
    all: bool,
    names: Vec<&'static str>,
}

/// The source of the throwaway server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScratchSettings {
    /// The URL of a given server, which is used instead of a throwaway one.
    pub url: Option<Secret>,
    /// The directory of the PostgreSQL programs.
    pub bin_dir: Option<PathBuf>,
    /// The major version that the server must have (`[compile] server_version`).
    pub major: Option<u32>,
}

impl Settings {
    /// Resolves the settings of a run with this ULID.
    ///
    /// # Errors
    /// Exit 2: there is no project, `trueup.toml` is malformed, or the environment is unknown.
    pub fn resolve(call: &CommandCall<'_>, process_env: &ProcessEnv, run: String) -> Result<Self, Failure> {
        let CommandCall { name: command, args, shared } = call;
        let mut wrong = WrongSettings { are_told: args.works_with_wrong_settings(), found: Vec::new() };
        wrong.tell(refuse_passwords(process_env))?;
        let found = if args.needs_project() {
            wrong.tell(directory::find(asked_for(shared, process_env), &process_env.cwd))?
        } else {
            let asked = asked_for(shared, process_env).filter(|_| args.starts_project());
            Some(asked.map_or_else(|| process_env.cwd.clone(), |dir| process_env.cwd.join(dir)))
        };
        let is_found = found.is_some();
        let dir = found.unwrap_or_else(|| process_env.cwd.clone());
        let path = dir.join(SETTINGS_FILE);
        let has_settings = is_found && path.symlink_metadata().is_ok();
        let has_project = args.needs_project() && is_found || args.continues_project() && has_settings;
        let mut unread = UnreadSections::default();
        let file = match has_project && has_settings {
            true if wrong.are_told => {
                let (file, parts) = ProjectFile::read_all_but_errors(&path);
                unread.all = parts.iter().any(|part| part.is_all);
                unread.names.extend(parts.iter().filter_map(|part| part.section));
                wrong.found.extend(parts.into_iter().map(|part| part.failure));
                file
            }
            true => ProjectFile::read(&path)?,
            false => ProjectFile::default(),
        };
        let ProjectFile {
            name,
            mut database,
            compile,
            migrations,
            check,
            lint,
            backup,
            repair,
            rehearse,
            gate,
            environments,
            lines,
        } = file;
        let mut origins = SettingOrigins::of_file(&lines);
        origins.first("--project", shared.project.clone(), "TRUEUP_PROJECT", || {
            process_env.variable("TRUEUP_PROJECT").map(PathBuf::from)
        });
        let asked = origins
            .first("--env", shared.environment.clone(), "TRUEUP_ENV", || process_env.lossy("TRUEUP_ENV"));
        let environment_asked_for = asked.is_some();
        let environment = match args.environment(asked)? {
            // That was told already.
            Some(_) if unread.has("environments") => None,
            Some(name) if has_project => {
                let known = environments.get(&name).cloned().ok_or_else(|| {
                    unknown_environment(&name, environments.keys().map(String::as_str).collect())
                });
                wrong.tell(known)?.map(|settings| NamedEnvironment { name, settings })
            }
            _ => None,
        };
        if let Some(url_env) = environment.as_ref().and_then(|found| found.settings.url_env.clone()) {
            database.url_env = url_env;
            let name = environment.as_ref().map(|found| found.name.as_str()).unwrap_or_default();
            origins.replace("database.url_env", &format!("environments.{name}.url_env"));
        }
        let project = Project::new(dir, name, &migrations.dir).kept_as(&migrations);
        if has_project {
            wrong.tell(project.check_folders())?;
        }
        let output = OutputSettings::resolve(shared, process_env, &project, &backup.store)?;
        if args.probe().is_none() && output.formats().any(|format| format == Format::Prometheus) {
            return Err(no_metrics(command));
        }
        let url = GivenUrl::find(shared, &database.url_env, process_env);
        origins.note("--database-url", url.origin());
        output.note_origins(shared, process_env, &mut origins);
        let passwords = passwords(process_env);
        let required_values = required_values(&gate, process_env);
        let mut settings = Self {
            secrets: secrets(&required_values, &url, &passwords),
            required_values,
            project,
            scratch: scratch(args.scratch(), compile.server_version, process_env, &mut origins)?,
            assume_extensions: compile.assume_extensions,
            url,
            passwords,
            output,
            run,
            command,
            database,
            check,
            lint,
            only: Patterns::default(),
            only_codes: Vec::new(),
            environment,
            environment_asked_for,
            environments,
            migrations,
            backup,
            repair,
            rehearse,
            gate,
            credentials: process_env.credentials(),
            caller: process_env.caller(command),
            editor: process_env.text("VISUAL").or_else(|| process_env.text("EDITOR")).map(str::to_owned),
            origins,
            wrong: wrong.found,
            unread,
            ignored_variables: process_env.redirecting_variables(),
        };
        args.override_settings(&mut settings);
        Ok(settings)
    }

    /// The database to connect to.
    ///
    /// # Errors
    /// Exit 2: no URL was given, or it is malformed. Exit 4: it is not the database that the environment expects.
    pub fn target(&self) -> Result<Target, Failure> {
        let Some(url) = &self.url.value else { return Err(self.url.missing()) };
        let from =
            |failure: Failure| Failure { what: format!("{}: {}", self.url.source, failure.what), ..failure };
        let mut target = Target::parse(url.reveal()).map_err(from)?;
        target.set_timeout(self.database.connect_timeout);
        target.find_password(&self.passwords);
        if let Some(environment) = &self.environment {
            environment.expect(&target, &self.url.source)?;
            if environment.settings.protected {
                target.require_encryption(&environment.name)?;
            }
        }
        Ok(target)
    }

    /// Whether a section of `trueup.toml` could not be read, and has its defaults: for a command that works all the same.
    pub fn is_unread(&self, section: &str) -> bool {
        self.unread.has(section)
    }

    /// The database that the URL names, for messages: it may not be the one that the environment expects.
    pub fn asked_target(&self) -> Option<Target> {
        Target::parse(self.url.value.as_ref()?.reveal()).ok()
    }

    /// How metrics call the database, whether or not it can be reached.
    pub fn metric_labels(&self) -> MetricLabels {
        MetricLabels {
            database: self.asked_target().map(|target| target.database().to_owned()),
            environment: self.environment.as_ref().map(|environment| environment.name.clone()),
            project: self.project.name.clone(),
        }
    }

    /// These settings with another connection URL.
    #[must_use]
    pub fn with_url(&self, url: &str) -> Self {
        let url =
            GivenUrl { value: Some(Secret::new(url)), source: self.url.source.clone(), not_utf8: false };
        Self { url, ..self.clone() }
    }

    /// These settings with another connection URL that came from `source`.
    #[must_use]
    pub fn reaching(&self, url: &str, source: &str) -> Self {
        let url = GivenUrl { value: Some(Secret::new(url)), source: source.to_owned(), not_utf8: false };
        Self { url, ..self.clone() }
    }

    /// The connection URL, with its password: for a program that is given it.
    pub fn url(&self) -> Option<&str> {
        self.url.value.as_ref().map(Secret::reveal)
    }

    /// Where the connection URL came from: `--database-url`, or the name of the variable.
    pub fn url_source(&self) -> &str {
        &self.url.source
    }

    /// What a printed command needs in order to be about the same database, with the argument that takes its URL:
    /// ` --env production`. Empty where the project's own variable names the database.
    pub fn same_database(&self, argument: &str) -> String {
        let asked = self.environment.as_ref().filter(|_| self.environment_asked_for);
        let mut same = asked.map(|found| format!(" --env {}", found.name)).unwrap_or_default();
        if self.url.source == DATABASE_URL {
            // A URL may hold a password.
            same.push_str(&format!(" {argument} URL, with the URL of {DATABASE_URL}"));
        }
        same
    }

    /// The `application_name` of connections.
    pub fn application(&self) -> String {
        format!("trueup/{} {}", env!("CARGO_PKG_VERSION"), self.command)
    }

    /// What names the role that works in the database. Another tool that migrates logs in by the URL.
    pub fn role_setting(&self) -> &'static str {
        match self.migrations.tool {
            None => "[database] set_role",
            Some(_) => "the connection URL",
        }
    }
}

impl UnreadSections {
    fn has(&self, section: &str) -> bool {
        self.all || self.names.contains(&section)
    }
}

/// What is wrong with the project and its settings.
struct WrongSettings {
    /// Whether the command works all the same, and tells it.
    are_told: bool,
    found: Vec<Failure>,
}

impl WrongSettings {
    /// Keeps a failure for the command to tell; `None` is in its place then.
    fn tell<T>(&mut self, outcome: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match outcome {
            Err(failure) if self.are_told => {
                self.found.push(failure);
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }
}

/// The project directory that the caller names.
pub(super) fn asked_for<'a>(shared: &'a Shared, process_env: &'a ProcessEnv) -> Option<&'a Path> {
    shared.project.as_deref().or_else(|| process_env.variable("TRUEUP_PROJECT").map(Path::new))
}

/// Refuses a password in a variable that is shown and recorded.
fn refuse_passwords(process_env: &ProcessEnv) -> Result<(), Failure> {
    let holds = |name: &&str| process_env.lossy(name).is_some_and(|value| holds_password(&value));
    let Some(name) = ["TRUEUP_ENV", "TRUEUP_PROJECT", "TRUEUP_PG_BIN"].into_iter().find(holds) else {
        return Ok(());
    };
    let what = format!("the variable {name} holds a password, which does not belong there (it is not shown)");
    Err(Failure::usage(what)
        .code(ErrorCode::USAGE_ARGUMENTS)
        .next("put the URL of the database into DATABASE_URL, or the variable that [database] url_env names"))
}

fn scratch(
    args: ScratchArgs,
    major: Option<u32>,
    process_env: &ProcessEnv,
    origins: &mut SettingOrigins,
) -> Result<ScratchSettings, Failure> {
    let given = args.pg_bin.as_deref().filter(|dir| !process_env.cwd.join(dir).is_dir());
    if let Some(dir) = given {
        return Err(Failure::usage(format!("--pg-bin: there is no directory {}", dir.display())).next(
            "give the directory of PostgreSQL's programs, such as the one that `pg_config --bindir` prints",
        ));
    }
    let bin_dir = origins.first("--pg-bin", args.pg_bin.clone(), "TRUEUP_PG_BIN", || {
        process_env.variable("TRUEUP_PG_BIN").map(PathBuf::from)
    });
    Ok(ScratchSettings {
        url: origins.first("--scratch-url", args.scratch_url, "TRUEUP_SCRATCH_URL", || {
            process_env.lossy("TRUEUP_SCRATCH_URL").map(Secret::new)
        }),
        bin_dir: bin_dir.map(|dir| process_env.cwd.join(dir)),
        major,
    })
}

fn no_metrics(command: &str) -> Failure {
    Failure::usage(format!(
        "`trueup {command}` has no metrics, which is all that the format prometheus has; nothing was done"
    ))
    .code(ErrorCode::USAGE_ARGUMENTS)
    .next("check, verify and ready have it; trueup serve answers scrapes")
}

fn required_values(gate: &GateSettings, process_env: &ProcessEnv) -> Vec<RequiredValue> {
    let required = gate.around.required_env.iter();
    required.map(|one| RequiredValue::new(one.clone(), process_env.variable(&one.name))).collect()
}

/// The values that are known to be secret: of required variables, and passwords.
fn secrets(required: &[RequiredValue], url: &GivenUrl, passwords: &PasswordSources) -> KnownSecrets {
    let values = required.iter().filter_map(RequiredValue::secret).map(Secret::reveal);
    let of_url = url.value.as_ref().and_then(|url| Target::parse(url.reveal()).ok());
    let of_url = of_url.as_ref().and_then(Target::password);
    KnownSecrets::new(values.chain(of_url).chain(passwords.password.as_deref()))
}

fn passwords(process_env: &ProcessEnv) -> PasswordSources {
    let home = process_env.variable("HOME").map(|home| Path::new(home).join(".pgpass"));
    PasswordSources {
        password: process_env.text("PGPASSWORD").map(str::to_owned),
        file: process_env.variable("PGPASSFILE").map(PathBuf::from).or(home),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches as _};

    use super::*;
    use crate::error::Exit;
    use crate::project::CommandArgs;

    const TOML: &str = r#"
        [database]
        ignore = ["audit.*"]
        [check]
        fail_on = "error"
        [environments.production]
        url_env = "PRODUCTION_URL"
        expect = { host = "*.example.com", database = "platform" }
        protected = true
    "#;

    #[derive(Args)]
    struct Flags {
        #[command(flatten)]
        shared: Shared,
        #[command(flatten)]
        scratch: ScratchArgs,
        #[arg(long)]
        about: Option<String>,
        #[arg(long)]
        no_project: bool,
    }

    impl CommandArgs for Flags {
        fn needs_project(&self) -> bool {
            !self.no_project
        }

        fn scratch(&self) -> ScratchArgs {
            self.scratch.clone()
        }

        fn environment(&self, asked: Option<String>) -> Result<Option<String>, Failure> {
            Ok(self.about.clone().or(asked))
        }
    }

    fn settings(args: &[&str], variables: &[(&'static str, &'static str)]) -> Result<Settings, Failure> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SETTINGS_FILE), TOML).unwrap();
        let matches = Flags::augment_args(clap::Command::new("test"))
            .no_binary_name(true)
            .try_get_matches_from(args)
            .unwrap();
        let flags = Flags::from_arg_matches(&matches).unwrap();
        let call = CommandCall { name: "test", args: &flags, shared: &flags.shared };
        Settings::resolve(&call, &ProcessEnv::new(variables.iter().copied(), dir.path()), "01J".into())
    }

    #[test]
    fn there_is_no_default_database() {
        let failure = settings(&[], &[("PGHOST", "elsewhere")]).unwrap().target().unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.contains("DATABASE_URL is not set"), "{failure}");
        let failure = settings(&["--env", "production"], &[("DATABASE_URL", "postgres://a@b/c")])
            .unwrap()
            .target()
            .unwrap_err();
        assert!(failure.what.contains("PRODUCTION_URL is not set"), "{failure}");
    }

    #[test]
    fn the_flag_wins_over_the_variable() {
        let variables = [("DATABASE_URL", "postgres://a@b/c")];
        let found = settings(&[], &variables).unwrap();
        assert_eq!((found.target().unwrap().host(), found.url_source()), ("b", "DATABASE_URL"));
        let found = settings(&["--database-url", "postgres://a@x/c"], &variables).unwrap();
        assert_eq!((found.target().unwrap().host(), found.url_source()), ("x", "--database-url"));
    }

    #[test]
    fn an_environment_expects_its_own_database() {
        let with = |url| settings(&["--env", "production", "--database-url", url], &[]).unwrap().target();
        assert!(with("postgres://a@db.example.com/platform").is_ok());
        for (url, what) in [
            ("postgres://a@localhost/platform", "the host \"localhost\""),
            ("postgres://a@db.example.com/staging", "the database \"staging\""),
            ("postgres://a@db.example.com/platform?sslmode=disable", "without TLS"),
        ] {
            let failure = with(url).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused);
            assert!(failure.what.contains(what), "{failure}");
        }
    }

    #[test]
    fn variables_stand_in_for_flags_and_empty_ones_are_unset() {
        let variables = [
            ("TRUEUP_ENV", "production"),
            ("TRUEUP_SCRATCH_URL", "postgres://a@b/c"),
            ("TRUEUP_PG_BIN", "bin"),
            ("TRUEUP_PROJECT", ""),
        ];
        let found = settings(&[], &variables).unwrap();
        assert_eq!(found.environment.as_ref().unwrap().name, "production");
        assert_eq!(found.scratch.url, Some(Secret::new("postgres://a@b/c")));
        assert_eq!(found.scratch.bin_dir, Some(found.project.dir.join("bin")));
        let variables = variables.map(|(name, _)| (name, ""));
        let found = settings(&[], &variables).unwrap();
        assert_eq!((found.environment, found.scratch), (None, ScratchSettings::default()));
        assert!(settings(&[], &[("TRUEUP_PROJECT", "nowhere")]).unwrap_err().what.contains("nowhere"));
    }

    #[test]
    fn an_unknown_environment_names_the_nearest() {
        let failure = settings(&["--env", "producton"], &[]).unwrap_err();
        assert_eq!(failure.next, "did you mean production?");
        let failure = settings(&["--about", "producton"], &[]).unwrap_err();
        assert_eq!((failure.exit, failure.next.as_str()), (Exit::Usage, "did you mean production?"));
    }

    #[test]
    fn a_command_may_name_its_environment_and_need_no_project() {
        let about =
            |variables: &[(&'static str, &'static str)]| settings(&["--about", "production"], variables);
        let found = about(&[]).unwrap();
        assert_eq!(found.url_source(), "PRODUCTION_URL");
        assert!(!found.environment_asked_for);
        assert!(about(&[("TRUEUP_ENV", "production")]).unwrap().environment_asked_for);
        let found =
            settings(&["--no-project", "--env", "nowhere"], &[("TRUEUP_PROJECT", "nowhere")]).unwrap();
        assert_eq!((found.environment, found.environments.len()), (None, 0));
    }

    #[test]
    fn colours_follow_flag_then_environment_then_terminal() {
        let color = |args: &[&str], variables: &[(&'static str, &'static str)]| {
            settings(args, variables).unwrap().output.color
        };
        assert!(!color(&[], &[]));
        assert!(color(&[], &[("CLICOLOR_FORCE", "1")]));
        assert!(!color(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(color(&["--color", "always"], &[("NO_COLOR", "1")]));
        assert!(!color(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn the_locale_decides_about_characters_and_a_dumb_terminal_has_ascii_alone() {
        let ascii =
            |variables: &[(&'static str, &'static str)]| settings(&[], variables).unwrap().output.ascii;
        assert!(ascii(&[]));
        for locale in ["C.UTF-8", "en_US.UTF-8", "de_DE.utf8@euro", "UTF-8"] {
            assert!(!ascii(&[("LANG", locale)]), "{locale}");
        }
        for locale in ["C", "POSIX", "de_DE", "de_DE.ISO-8859-1", "de_DE@euro"] {
            assert!(ascii(&[("LANG", locale)]), "{locale}");
        }
        assert!(ascii(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]));
        assert!(ascii(&[("LC_CTYPE", "C"), ("LANG", "C.UTF-8")]));
        assert!(!ascii(&[("LC_ALL", "C.UTF-8"), ("LC_CTYPE", "C"), ("LANG", "C")]));
        assert!(!ascii(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")]));
        assert!(ascii(&[("LANG", "C.UTF-8"), ("TERM", "dumb")]));
        assert!(!ascii(&[("LANG", "C.UTF-8"), ("TERM", "xterm")]));
    }

    #[test]
    fn columns_are_a_positive_number() {
        let columns = |value| settings(&[], &[("COLUMNS", value)]).unwrap().output.columns;
        assert_eq!(columns("80"), Some(80));
        assert_eq!(columns("1000000"), Some(u16::MAX));
        for none in ["", "0", "-80", "80.5", "wide", "80x"] {
            assert_eq!(columns(none), None, "{none:?}");
        }
    }

    #[test]
    fn f53_settings_print_no_password() {
        let variables = [("DATABASE_URL", "postgres://a:canary@b/c"), ("PGPASSWORD", "canary")];
        let found = settings(&["--scratch-url", "postgres://a:canary@b/c"], &variables).unwrap();
        assert!(!format!("{found:?} {:?}", found.target().unwrap()).contains("canary"));
    }
}
