//! The page: what was read last, for a person with a browser. It has names and numbers, and no row, value or definition.

use std::time::Duration;

use serde::Serialize;

use super::probe::Probe;
use super::readings::{KnownBackups, Readings};
use super::status::Status;
use crate::error::Exit;
use crate::output::view::{Content, Table, View};
use crate::output::{self, Envelope, Format, Report, Style};
use crate::text::{duration, plural, short_id};

/// The most objects that the page lists.
const OBJECTS: usize = 500;

/// The page of what was read last.
pub(super) fn html(readings: &Readings) -> String {
    let page = Page { run: readings.run.clone(), exit: exit(readings), view: view(readings) };
    output::render(&page, Format::Html, Style::default(), "")
}

/// The page as a report.
#[derive(Serialize)]
struct Page {
    #[serde(skip)]
    run: String,
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    view: View,
}

impl Report for Page {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("serve"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        self.view.clone()
    }
}

/// How `trueup ready` would end.
fn exit(readings: &Readings) -> Exit {
    match Status::of(readings).ready {
        Some(true) => Exit::Clean,
        Some(false) => Exit::Findings,
        None => Exit::CannotTell,
    }
}

fn view(readings: &Readings) -> View {
    let status = Status::of(readings);
    let headline = readings.readiness.last().map(|report| report.target.headline());
    let view = headline.into_iter().fold(View::new(), View::headline);
    let notes = readings.readiness.current().map(|report| report.notes.clone()).unwrap_or_default();
    let schema = readings.schema.current();
    let view = view
        .notes(notes)
        .facts(facts(readings))
        .table(checks(readings))
        .table(schema.map_or_else(|| objects(&[]), |compared| objects(&compared.objects)));
    let more = schema.map_or(0, |compared| compared.objects.len().saturating_sub(OBJECTS));
    let more = (more > 0).then(|| format!("{} more: trueup check", plural(more, "object")));
    view.lines(more).verdict(status.line(), status.tone()).next(status.next())
}

/// What was read, and how old it is.
fn facts(readings: &Readings) -> Vec<(String, String)> {
    let schema = |compared: &super::readings::ComparedObjects| compared.verdict.clone();
    let readiness = readings.readiness.age().map_or_else(|| "not read yet".to_owned(), ago);
    let mut facts = vec![
        ("readiness".to_owned(), readiness),
        ("schema".to_owned(), fact(&readings.schema, schema)),
        ("backup".to_owned(), fact(&readings.backups, backups)),
    ];
    if readings.checks.is_empty() {
        facts.push(("data".to_owned(), "this project has no data checks".to_owned()));
    }
    facts
}

/// What a probe answered, with its age, or why there is no answer.
fn fact<T>(probe: &Probe<T>, told: impl Fn(&T) -> String) -> String {
    let answer =
        probe.current().zip(probe.age()).map(|(answer, age)| format!("{} ({})", told(answer), ago(age)));
    let failure = probe.failure().map(|_| "the last attempt was not answered".to_owned());
    let parts: Vec<String> = answer.into_iter().chain(failure).collect();
    if parts.is_empty() { "not read yet".to_owned() } else { parts.join("; ") }
}

fn ago(age: Duration) -> String {
    format!("{} ago", duration(age))
}

fn backups(known: &KnownBackups) -> String {
    let Some(newest) = &known.newest else { return "no full backup of this database".to_owned() };
    let verified = newest
        .verified()
        .map_or_else(|| "not verified".to_owned(), |level| format!("verified ({})", level.word()));
    let age =
        newest.age().map_or_else(|| "of unknown age".to_owned(), |age| format!("{} old", duration(age)));
    format!("{}, {age}, {verified}", short_id(&newest.manifest.id))
}

/// The data checks, with how many rows each finds.
fn checks(readings: &Readings) -> Table {
    let columns = [
        ("check", Content::Code),
        ("severity", Content::Prose),
        ("rows", Content::Number),
        ("read", Content::Prose),
    ];
    let mut table = Table::new(&columns);
    table.title = Some("Data checks".to_owned());
    for check in &readings.checks {
        let rows = match (check.rows.current(), check.rows.failure()) {
            (Some(rows), _) => rows.to_string(),
            (None, Some(_)) => "cannot tell".to_owned(),
            (None, None) => String::new(),
        };
        let read = check.rows.age().map_or_else(|| "not yet".to_owned(), ago);
        table.push([check.name.clone(), check.severity.to_string(), rows, read]);
    }
    table
}

/// The objects that differ, by their names.
fn objects(objects: &[super::readings::DifferingObject]) -> Table {
    let columns = ["object", "kind", "severity", "change", "cause"].map(|title| (title, Content::Prose));
    let mut table = Table::new(&columns);
    table.columns[0].content = Content::Code;
    table.title = Some("Objects that differ from the declared schema".to_owned());
    for one in objects.iter().take(OBJECTS) {
        table.push([&one.object, &one.kind, one.severity.word(), one.change.word(), one.cause]);
    }
    table
}
