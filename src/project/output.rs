//! Resolves where reports go, and how they look there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;

use super::backup::BackupSettings;
use super::directory::{self, DEFAULT_MIGRATIONS_DIR, Project};
use super::origin::{Origin, SettingOrigins};
use super::process_env::ProcessEnv;
use super::settings::asked_for;
use crate::cli::{Color, Format, Shared};
use crate::error::{ErrorCode, Failure};
use crate::output::names_an_open_file;

/// The settings of the output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputSettings {
    /// `--format`
    pub format: Format,
    /// The files of `--output`, which receive the report, too.
    pub files: Vec<OutputFile>,
    /// Whether human output on standard output is coloured.
    pub color: bool,
    /// Whether standard output is a terminal, which decides the width of tables.
    pub terminal: bool,
    /// Whether standard error is a terminal, which decides the width of what is said of a failure.
    pub terminal_for_errors: bool,
    /// The columns that `COLUMNS` asks for where standard output is no terminal.
    pub columns: Option<u16>,
    /// Whether ASCII is all that can be shown: the locale is not UTF-8, or the terminal is dumb.
    pub ascii: bool,
    /// Whether standard error is a terminal whose lines can be drawn over, and `-q` was not given.
    pub progress: bool,
    /// Whether questions can be asked: standard input and standard error are terminals.
    pub interactive: bool,
    /// Whether events of the run are shown on standard error.
    pub events: bool,
    /// `-q`
    pub quiet: bool,
    /// `-v`
    pub verbose: bool,
    /// The summary of a step of GitHub Actions, where a report in the format `github` is asked for.
    pub step_summary: Option<PathBuf>,
    /// The way from the root of the repository to the project directory, for formats whose readers know only the
    /// repository: `db/`; empty where that is the root itself or there is no repository.
    pub from_repository: String,
}

impl OutputSettings {
    /// Resolves the settings of a command of a project that keeps backups in `store`.
    ///
    /// # Errors
    /// Exit 2: the format of an `--output` file is unknown, or the file is a link or one of the project's own.
    pub(super) fn resolve(
        shared: &Shared,
        process_env: &ProcessEnv,
        project: &Project,
        store: &str,
    ) -> Result<Self, Failure> {
        let files = shared.output.iter().map(|text| {
            let file = OutputFile::parse(text, &process_env.cwd)?;
            file.check_place(project, store)?;
            Ok(file)
        });
        let output = Self::new(shared, process_env, files.collect::<Result<_, _>>()?);
        // Nobody else needs to know, and looking for it takes time.
        let is_asked_for = output.formats().any(Format::is_of_findings);
        let from_repository =
            if is_asked_for { directory::in_repository(&project.dir) } else { String::new() };
        Ok(Self { from_repository, ..output })
    }

    /// The settings of a command whose project, or a part of whose arguments, is wrong: for the report of that.
    pub fn of_failure(shared: &Shared, process_env: &ProcessEnv) -> Self {
        let asked = asked_for(shared, process_env);
        let dir = directory::find(asked, &process_env.cwd).unwrap_or_else(|_| process_env.cwd.clone());
        let project = Project::new(dir, None, DEFAULT_MIGRATIONS_DIR);
        let store = BackupSettings::default().store;
        let files = shared.output.iter().filter_map(|text| {
            let file = OutputFile::parse(text, &process_env.cwd).ok()?;
            // Where the migrations lie is not known for certain.
            let is_script = is_sql(&file.path) && file.path.exists();
            (!is_script && file.check_place(&project, &store).is_ok()).then_some(file)
        });
        Self::new(shared, process_env, files.collect())
    }

    /// The settings of arguments that could not be read but for `--format`.
    pub fn of_format(format: Format, process_env: &ProcessEnv) -> Self {
        Self::of_failure(&Shared { format, ..Shared::default() }, process_env)
    }

    /// Notes what decides how output looks.
    pub(super) fn note_origins(
        &self,
        shared: &Shared,
        process_env: &ProcessEnv,
        origins: &mut SettingOrigins,
    ) {
        let variable = |name: &str| process_env.variable(name).map(|_| Origin::Variable(name.to_owned()));
        let (_, color) = color(shared.color, process_env);
        origins.note("--color", color);
        let format = (shared.format != Format::default()).then_some(Origin::Flag("--format"));
        origins.note("--format", format);
        let locale = match is_dumb(process_env) {
            true => variable(TERM),
            false => LOCALE.into_iter().find_map(variable),
        };
        origins.note(CHARACTERS, locale);
    }

    /// The format of standard output and those of the files.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.files.iter().map(|file| file.format).chain([self.format])
    }

    fn new(shared: &Shared, process_env: &ProcessEnv, files: Vec<OutputFile>) -> Self {
        let dumb = is_dumb(process_env);
        let mut output = Self {
            format: shared.format,
            files,
            color: color(shared.color, process_env).0,
            terminal: process_env.stdout_is_terminal,
            terminal_for_errors: process_env.stderr_is_terminal,
            columns: process_env.text("COLUMNS").and_then(columns),
            ascii: dumb || !speaks_utf8(process_env),
            progress: process_env.stderr_is_terminal && !shared.quiet && !dumb,
            interactive: process_env.stdin_is_terminal && process_env.stderr_is_terminal,
            events: !shared.quiet,
            quiet: shared.quiet,
            verbose: shared.verbose,
            step_summary: None,
            from_repository: String::new(),
        };
        if output.formats().any(|format| format == Format::Github) {
            let file = process_env.variable("GITHUB_STEP_SUMMARY");
            output.step_summary = file.map(|file| process_env.cwd.join(file));
        }
        output
    }
}

/// A file that receives a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// The format of the report.
    pub format: Format,
    /// The absolute path.
    pub path: PathBuf,
}

impl OutputFile {
    /// Parses `FORMAT=FILE`, or a file whose suffix names the format.
    ///
    /// # Errors
    /// Exit 2: neither names a format.
    pub fn parse(text: &str, cwd: &Path) -> Result<Self, Failure> {
        let named = text.split_once('=').and_then(|(word, file)| {
            let format = Format::value_variants().iter().find(|format| format.word() == word)?;
            Some((*format, file))
        });
        let (format, file) = match named {
            Some(named) => named,
            None => {
                let format = Format::of_file(text).ok_or_else(|| unknown_suffix(text))?;
                (format, text)
            }
        };
        if file.is_empty() {
            return Err(
                Failure::usage(format!("--output {text}: no file is named")).code(ErrorCode::USAGE_ARGUMENTS)
            );
        }
        Ok(Self { format, path: cwd.join(file) })
    }

    /// Refuses a link, which leads elsewhere than its name says, and the places of the project's own files.
    fn check_place(&self, project: &Project, store: &str) -> Result<(), Failure> {
        let refuse = |what: &str| {
            Err(Failure::usage(format!("--output {}: {what}", self.path.display()))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("name another file for the report"))
        };
        let is_link = self.path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        if is_link && !names_an_open_file(&self.path) {
            let goal = self.path.read_link().unwrap_or_default();
            return refuse(&format!("a symbolic link to {}, which is not followed", goal.display()));
        }
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return refuse("this is no file");
        };
        let (file, dir) = (real(parent).join(name), real(&project.dir));
        let files = [&project.settings_path, &project.lock_path];
        let own_file =
            files.into_iter().any(|own| own.file_name() == Some(name) && file.parent() == Some(&dir));
        let store = project.dir.join(store);
        let folders = [&project.schema_dir, &project.migrations_dir, &project.checks_dir, &store];
        let in_folder = folders.into_iter().map(|folder| real(folder)).any(|folder| {
            // Where migrations lie in the project's directory itself, reports may, too.
            file.starts_with(&folder) && (!dir.starts_with(&folder) || is_sql(&file) && file.exists())
        });
        if own_file || in_folder {
            return refuse("this is a file or folder of the project; a report is not written there");
        }
        Ok(())
    }
}

fn is_sql(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "sql")
}

fn unknown_suffix(text: &str) -> Failure {
    let words: Vec<&str> = Format::value_variants().iter().map(|format| format.word()).collect();
    Failure::usage(format!("--output {text}: the suffix names no format"))
        .code(ErrorCode::USAGE_ARGUMENTS)
        .next(format!("name it: --output FORMAT=FILE, where FORMAT is one of {}", words.join(", ")))
}

/// `NO_COLOR` (no-color.org) and `CLICOLOR_FORCE` (bixense.com/clicolors) decide where `--color` does not.
/// The variable that names the kind of the terminal.
const TERM: &str = "TERM";

/// Whether the terminal can show nothing but characters of ASCII.
fn is_dumb(process_env: &ProcessEnv) -> bool {
    process_env.variable(TERM) == Some(OsStr::new("dumb"))
}

/// Whether colours are used, and what says so.
fn color(asked: Color, process_env: &ProcessEnv) -> (bool, Option<Origin>) {
    let variable = |name: &str| Some(Origin::Variable(name.to_owned()));
    let (no_color, force) = ("NO_COLOR", "CLICOLOR_FORCE");
    match asked {
        Color::Always | Color::Never => (matches!(asked, Color::Always), Some(Origin::Flag("--color"))),
        Color::Auto if process_env.variable(no_color).is_some() => (false, variable(no_color)),
        Color::Auto if process_env.variable(force).is_some_and(|value| value != "0") => {
            (true, variable(force))
        }
        Color::Auto if process_env.stdout_is_terminal && is_dumb(process_env) => (false, variable(TERM)),
        Color::Auto => (process_env.stdout_is_terminal, None),
    }
}

/// A number of columns; `None` for what is none. A terminal has 65,535 at the most.
fn columns(text: &str) -> Option<u16> {
    let columns: u64 = text.trim().parse().ok().filter(|columns| *columns > 0)?;
    Some(u16::try_from(columns).unwrap_or(u16::MAX))
}

/// The variables that name the locale's characters, the first that is set first.
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// What the encoding of the locale's characters is called among the settings.
pub(super) const CHARACTERS: &str = "locale";

/// Whether the locale's characters are encoded in UTF-8. The first variable that is set and not empty decides (POSIX,
/// "Environment Variables", 8.2); without any, the locale is C. The encoding stands between `.` and `@`; `UTF-8` alone is
/// what macOS sets.
fn speaks_utf8(process_env: &ProcessEnv) -> bool {
    let locale = LOCALE.into_iter().find_map(|name| process_env.lossy(name));
    let Some(locale) = locale else { return false };
    let locale = locale.split('@').next().unwrap_or_default();
    let encoding = locale.split_once('.').map_or(locale, |(_, encoding)| encoding);
    ["utf-8", "utf8"].contains(&encoding.to_ascii_lowercase().as_str())
}
