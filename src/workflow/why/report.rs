//! What `trueup why` says, in at most 15 lines for a person.

use serde::Serialize;

use super::asked::DatabaseAnswer;
use super::explanation::Explanation;
use super::text::{ErrorText, ReadError};
use crate::error::{Exit, Failure};
use crate::findings::{Finding, Summary};
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, ErrorReport, Report};
use crate::postgres::sql::split;
use crate::project::Settings;
use crate::text::{joined_lines, one_line, plural, size};
use crate::workflow::reports::target::TargetReport;

/// The longest text of a finding, in characters.
const LONGEST: usize = 300;
/// The most lines of statements that are shown.
const STATEMENTS: usize = 3;

/// An error of an application, explained.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WhyReport {
    /// The run's ULID.
    #[serde(skip)]
    run: String,
    /// The exit code.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// The database; `None` where it was not asked.
    target: Option<TargetReport>,
    /// The error as it was read.
    text: TextReport,
    /// What it means.
    meaning: Option<String>,
    /// Whether the database was asked.
    asked: bool,
    /// Where the cause is, in one sentence.
    verdict: String,
    /// Findings by severity.
    summary: Summary,
    /// What explains it. Those of severity info are worth knowing.
    findings: Vec<Finding>,
    /// What to do next.
    next: Option<String>,
    /// Remarks for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Why the database was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

/// What was read of a text. No value of a row is in it.
#[derive(Debug, Clone, Serialize)]
struct TextReport {
    /// The SQLSTATE; `None` where the error is not PostgreSQL's, or none was understood.
    sqlstate: Option<&'static str>,
    /// The name of the condition.
    condition: Option<&'static str>,
    /// The sentence that was understood.
    message: Option<String>,
    /// The objects that it names.
    objects: Vec<String>,
    /// How many bytes the text had.
    bytes: u64,
    /// Whether only its end was read.
    cut: bool,
}

impl TextReport {
    fn of(text: &ErrorText, error: Option<&ReadError>) -> Self {
        let objects = error.map(|error| super::mentioned(error).iter().map(ToString::to_string).collect());
        Self {
            sqlstate: error.map(|error| error.kind.sqlstate).filter(|code| !code.is_empty()),
            condition: error.map(|error| error.kind.condition),
            message: error.map(|error| error.message.clone()),
            objects: objects.unwrap_or_default(),
            bytes: text.bytes,
            cut: text.cut,
        }
    }
}

impl WhyReport {
    fn new(settings: &Settings, text: &ErrorText, error: Option<&ReadError>) -> Self {
        let mut notes = Vec::new();
        if text.cut {
            notes.push(format!("the text has {}: the last error of its end was taken", size(text.bytes)));
        }
        if let Some(error) = error.filter(|error| error.others > 0) {
            let others = plural(error.others, "other kind");
            notes.push(format!("{others} of error in the text: the last that is a cause was taken"));
        }
        Self {
            run: settings.run.clone(),
            exit: Exit::CannotTell,
            target: None,
            text: TextReport::of(text, error),
            meaning: error.map(|error| error.kind.meaning.to_owned()),
            asked: false,
            verdict: String::new(),
            summary: Summary::default(),
            findings: Vec::new(),
            next: None,
            notes,
            error: None,
        }
    }

    /// No error was understood; these objects of the project have their names in the text.
    pub(super) fn not_understood(settings: &Settings, text: &ErrorText, names: &[String]) -> Self {
        let (verdict, next) = match (text.text.trim().is_empty(), names) {
            (true, _) => (
                "the text is empty".to_owned(),
                "trueup why \"ERROR TEXT\", or: trueup why < application.log".to_owned(),
            ),
            (false, []) => (
                "no error of PostgreSQL or of a driver was understood in the text".to_owned(),
                "give the line that begins with ERROR, or the last lines of the traceback; trueup check compares the whole \
                 schema"
                    .to_owned(),
            ),
            (false, names) => (
                format!(
                    "no error of PostgreSQL or of a driver was understood; names of this project in the text: {}",
                    names.join(", ")
                ),
                format!("trueup check --only '{}*'", names[0].replace('\'', "")),
            ),
        };
        Self { verdict, next: Some(next), ..Self::new(settings, text, None) }
    }

    /// The database was not asked: what the text alone tells.
    pub(super) fn not_asked(
        settings: &Settings,
        text: &ErrorText,
        error: &ReadError,
        failure: &Failure,
    ) -> Self {
        let next = Some(joined_lines(&failure.next)).filter(|next| !next.is_empty());
        Self {
            exit: failure.exit,
            verdict: format!("the database was not asked: {}", joined_lines(&failure.what)),
            next,
            error: Some(failure.into()),
            ..Self::new(settings, text, Some(error))
        }
    }

    /// What was found.
    pub(super) fn judged(
        settings: &Settings,
        text: &ErrorText,
        error: &ReadError,
        answer: DatabaseAnswer,
        judged: Explanation,
    ) -> Self {
        let exit = match (judged.explains(), judged.unknown) {
            (true, _) => Exit::Findings,
            (false, true) => Exit::CannotTell,
            (false, false) => Exit::Clean,
        };
        let own = Some(judged.next.clone()).filter(|next| !next.is_empty());
        let of_finding = || {
            let first = judged.findings.iter().find(|finding| finding.remedy.is_some())?;
            let remedy = &first.remedy;
            match (&remedy.run, &remedy.advice, &remedy.sql) {
                (None, None, Some(sql)) if sql.lines().count() > STATEMENTS => Some(format!(
                    "trueup check --only '{}*', then run all of the SQL that it shows",
                    first.object
                )),
                (None, None, Some(_)) if first.code.starts_with("why.") => {
                    Some("run the SQL above, then try again".to_owned())
                }
                (None, None, Some(_)) => Some("run the SQL above, then: trueup check".to_owned()),
                _ => remedy.summary(),
            }
        };
        let mut report = Self::new(settings, text, Some(error));
        report.notes.extend(answer.notes);
        Self {
            exit,
            target: Some(answer.target),
            asked: true,
            verdict: judged.verdict,
            summary: Summary::of(&judged.findings),
            next: own.or_else(of_finding),
            findings: judged.findings,
            ..report
        }
    }

    /// The statements that correct it, and how many there are: whole ones, as far as there is room for them.
    fn statements(&self) -> (Vec<String>, usize) {
        let corrects = |finding: &&Finding| finding.remedy.run.is_none() && finding.remedy.advice.is_none();
        let scripts =
            self.findings.iter().filter(corrects).filter_map(|finding| finding.remedy.sql.as_deref());
        let all: Vec<String> = scripts.flat_map(whole_statements).collect();
        let mut lines = 0;
        let fit = all.iter().take_while(|statement| {
            lines += statement.lines().count();
            lines <= STATEMENTS
        });
        (fit.cloned().collect(), all.len())
    }

    /// The error as a line: `42703 undefined_column: column u.locale does not exist`.
    fn line(&self) -> Option<String> {
        let TextReport { sqlstate, condition, message, .. } = &self.text;
        let code = sqlstate.map(|code| format!("{code} ")).unwrap_or_default();
        Some(format!("{code}{}: {}", condition.as_ref()?, message.as_ref()?))
    }
}

/// The statements of a script, each with its semicolon; the script as it is where it cannot be split.
fn whole_statements(script: &str) -> Vec<String> {
    match split(script) {
        Ok(statements) => statements.iter().map(|one| format!("{};", one.text.trim())).collect(),
        Err(_) => vec![script.to_owned()],
    }
}

impl Report for WhyReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("why"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new();
        if let Some(target) = &self.target {
            view = view.headline(target.headline());
        }
        let labelled = [("error", self.line()), ("means", self.meaning.clone())];
        for (label, line) in labelled {
            view = line.into_iter().fold(view, |view, line| view.text(Text::labelled(label, line)));
        }
        for finding in &self.findings {
            let label =
                if finding.severity >= crate::findings::Severity::Warning { "found" } else { "see also" };
            let action = match (&finding.remedy.run, &finding.remedy.advice) {
                (Some(command), _) if self.next.as_deref() != Some(&command.to_string()) => {
                    format!(": {command}")
                }
                _ => String::new(),
            };
            view = view
                .text(Text::labelled(label, one_line(&format!("{}{action}", finding.sentence()), LONGEST)));
        }
        let (statements, all) = self.statements();
        let title = match statements.len() < all {
            false => "SQL that corrects it (read it before you run it)".to_owned(),
            true => format!("the first {} of {all} statements that correct it", statements.len()),
        };
        let tone = match self.exit {
            Exit::Clean => Tone::Good,
            Exit::Findings => Tone::Bad,
            _ => Tone::Warning,
        };
        view.sql(title, statements).notes(&self.notes).verdict(&self.verdict, tone).next(self.next.as_ref())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn passed(&self) -> Vec<String> {
        let well = self.exit == Exit::Clean;
        well.then(|| self.verdict.clone()).into_iter().collect()
    }
}
