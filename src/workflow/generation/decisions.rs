//! What only a person can decide: whether something that is gone was renamed, and what the rows that are there already get in
//! a column that must have a value.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Change;
use crate::model::diagnosis::{CatalogChange, Decided, between, needs_value};
use crate::model::{Head, Sources};
use crate::output;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::comments;
use crate::project::Settings;

/// The two catalogs, and the lock file that both are of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CatalogPair<'s> {
    pub(crate) head: &'s Head,
    /// What all migrations build.
    pub(crate) from: &'s Catalog,
    /// What `schema/` declares.
    pub(crate) to: &'s Catalog,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MigrationDecision {
    /// `renamed column public.users.name to public.users.full_name`
    Renamed { from: ObjectId, to: ObjectId },
    /// `dropped column public.users.name`
    Dropped(ObjectId),
    /// `backfill public.users.status = 'active'`
    Filled { column: ObjectId, value: String },
}

/// Where decisions come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecisionSource<'a> {
    /// Those of the command line, as they stand in a comment behind `trueup:`.
    pub(crate) given: &'a [String],
}

/// The forms of a decision.
const FORMS: &str = "renamed KIND NAME to NAME, dropped KIND NAME, backfill COLUMN = EXPRESSION; names with their schema, such \
                     as `renamed column public.users.name to public.users.full_name`";

impl MigrationDecision {
    /// Reads what stands behind `trueup:`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.trim().split_once(char::is_whitespace)?;
        match word {
            "renamed" => {
                let (kind, names) = rest.trim().split_once(char::is_whitespace)?;
                let kind: Kind = kind.parse().ok()?;
                let (from, to) = names.split_once(" to ")?;
                let from = ObjectId::parse(kind, from.trim())?;
                let to = ObjectId::parse(kind, to.trim())?;
                Some(Self::Renamed { from, to })
            }
            "dropped" => {
                let (kind, name) = rest.trim().split_once(char::is_whitespace)?;
                Some(Self::Dropped(ObjectId::parse(kind.parse().ok()?, name.trim())?))
            }
            "backfill" => {
                let (column, value) = rest.split_once('=')?;
                let value = value.trim().trim_end_matches(';').to_owned();
                let column = ObjectId::parse(Kind::Column, column.trim())?;
                (!value.is_empty()).then_some(Self::Filled { column, value })
            }
            _ => None,
        }
    }
}

impl MigrationDecision {
    /// Whether the migrations do it already.
    fn is_done(&self, from: &Catalog) -> bool {
        match self {
            Self::Renamed { from: gone, .. } | Self::Dropped(gone) => from.get(gone).is_none(),
            Self::Filled { column, .. } => {
                from.get(column).is_some_and(|column| column.is(Attribute::Nullable, "false"))
            }
        }
    }
}

/// A decision that nobody has taken.
enum Question {
    /// Something is gone, and others are new that it may be.
    Renamed { gone: ObjectId, new: Vec<ObjectId> },
    /// A column must have a value, and rows that are there already have none.
    Filled { column: ObjectId, of: String },
}

/// What was decided, and what is asked at the terminal.
///
/// # Errors
/// Exit 2: a decision that cannot be read; one that nobody has taken, where there is no terminal. Exit 4: the question was not
/// answered.
pub(super) async fn take(
    settings: &Settings,
    sources: &Sources,
    states: CatalogPair<'_>,
    source: DecisionSource<'_>,
) -> Result<(Decided, Vec<String>)> {
    let declared = declared(sources)?;
    let is_done = |(_, decision): &&(String, MigrationDecision)| decision.is_done(states.from);
    let done = declared.iter().filter(is_done).map(|(place, _)| {
        format!("{place}: what this comment decides is done already: remove it, or it decides again what has the same name")
    });
    let mut notes: Vec<String> = done.collect();
    let taken_now = declared.iter().filter(|(_, decision)| !decision.is_done(states.from));
    notes.extend(taken_now.map(|(place, _)| {
        format!("{place}: remove this comment when the migration is in place: it is done then")
    }));
    let mut decisions: Vec<MigrationDecision> = declared.into_iter().map(|(_, decision)| decision).collect();
    for text in source.given {
        let wrong = || {
            Failure::usage(format!("--decide {text:?} cannot be read"))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next(format!("the forms are: {FORMS}"))
        };
        decisions.push(MigrationDecision::parse(text).ok_or_else(wrong)?);
    }
    let mut taken = Taken::of(states, decisions);
    loop {
        let open = taken.questions();
        let Some(first) = open.first() else { return Ok((taken.decided, notes)) };
        if !settings.output.interactive {
            return Err(undecided(&open).into());
        }
        let answer = first.ask().await?;
        taken.add(answer);
    }
}

/// The decisions in the comments of `schema/`, each with its place.
fn declared(sources: &Sources) -> Result<Vec<(String, MigrationDecision)>, Failure> {
    let mut decisions = Vec::new();
    let mut failures = Vec::new();
    for file in sources.schema.iter().filter(|file| file.text.contains("trueup:")) {
        for comment in comments(&file.text) {
            let Some(text) = comment.text.strip_prefix("trueup:") else { continue };
            match MigrationDecision::parse(text) {
                Some(decision) => decisions.push((format!("{}:{}", file.path, comment.line), decision)),
                None => failures.push(Err(Failure::usage(format!(
                    "{}:{}: `trueup:{text}` cannot be read",
                    file.path, comment.line
                ))
                .code(ErrorCode::SCHEMA_INVALID)
                .next(format!(
                    "comments in schema/ that begin with `trueup:` are decisions for trueup generate: {FORMS}"
                )))),
            }
        }
    }
    Failure::collect::<()>(failures)?;
    Ok(decisions)
}

struct Taken<'s> {
    states: CatalogPair<'s>,
    decided: Decided,
    dropped: BTreeSet<ObjectId>,
}

impl<'s> Taken<'s> {
    fn of(states: CatalogPair<'s>, decisions: Vec<MigrationDecision>) -> Self {
        let mut taken = Self { states, decided: Decided::default(), dropped: BTreeSet::new() };
        decisions.into_iter().for_each(|decision| taken.add(decision));
        taken
    }

    fn add(&mut self, decision: MigrationDecision) {
        match decision {
            MigrationDecision::Renamed { from, to } => self.decided.renamed.push((from, to)),
            MigrationDecision::Dropped(id) => {
                self.dropped.insert(id);
            }
            MigrationDecision::Filled { column, value } => self.decided.filled.push((column, value)),
        }
    }

    fn is_open(&self, gone: &ObjectId) -> bool {
        // To a name that is there already, nothing is renamed.
        let is_new = |to: &ObjectId| self.states.from.get(to).is_none();
        let is_renamed = self.decided.renamed.iter().any(|(from, to)| from == gone && is_new(to));
        !self.dropped.contains(gone) && !is_renamed
    }

    /// What is still open. What follows from an answer is asked when that is known: the columns of a renamed table.
    fn questions(&self) -> Vec<Question> {
        let CatalogPair { head, from, to } = self.states;
        let likely = between(head, [from, to], None, true);
        let mut questions: Vec<Question> = Vec::new();
        for (before, after) in
            likely.iter().flat_map(CatalogChange::renamed).filter(|(before, _)| self.is_open(before))
        {
            questions.push(Question::Renamed { gone: before.clone(), new: vec![after.clone()] });
        }
        let planned = between(head, [from, to], Some(&self.decided), true);
        // Of several new ones a person knows which one it is.
        for gone in planned.iter().filter(|change| change.change == Change::Unexpected) {
            let id = &gone.object;
            let known = questions
                .iter()
                .any(|question| matches!(question, Question::Renamed { gone, .. } if gone == id));
            if known || !self.is_open(id) {
                continue;
            }
            let new = planned.iter().filter(|change| change.change == Change::Missing);
            let new: Vec<ObjectId> =
                new.map(|change| change.object.clone()).filter(|new| self.may_be(id, new)).collect();
            if !new.is_empty() {
                questions.push(Question::Renamed { gone: id.clone(), new });
            }
        }
        if questions.is_empty() {
            questions.extend(planned.iter().filter_map(|change| self.unfilled(change)));
        }
        questions
    }

    /// Whether something new may be what is gone: a column of the same table, or a table with half of its columns.
    fn may_be(&self, gone: &ObjectId, new: &ObjectId) -> bool {
        match (gone.kind, new.kind) {
            (Kind::Column, Kind::Column) => (&gone.schema, &gone.relation) == (&new.schema, &new.relation),
            (Kind::Table, Kind::Table) => {
                let (old, new) = (columns(self.states.from, gone), columns(self.states.to, new));
                !old.is_empty() && 2 * old.intersection(&new).count() >= old.len()
            }
            _ => false,
        }
    }

    fn unfilled(&self, change: &CatalogChange) -> Option<Question> {
        let is_unfilled = change.change == Change::Missing && change.changes.is_empty();
        let column = self.states.to.get(&change.object).filter(|_| is_unfilled)?;
        let of = column.get(Attribute::Type).unwrap_or_default().to_owned();
        needs_value(column, self.states.to).then(|| Question::Filled { column: change.object.clone(), of })
    }
}

/// The names of a table's columns.
fn columns<'c>(catalog: &'c Catalog, table: &ObjectId) -> BTreeSet<&'c str> {
    let path = table.to_string();
    let is_own = |object: &&Arc<Object>| object.id.kind == Kind::Column && object.id.relation_path() == path;
    catalog.objects.iter().filter(is_own).map(|column| column.id.name.as_str()).collect()
}

/// The failure where there is nobody to ask.
fn undecided(open: &[Question]) -> Failure {
    let what: Vec<String> = open.iter().map(Question::in_words).collect();
    let lines: Vec<String> = open.iter().flat_map(Question::lines).collect();
    Failure::new(Exit::Usage, format!("{}\nnothing was written", what.join("\n")))
        .code(ErrorCode::GENERATE_UNDECIDED)
        .next(format!(
            "say which it is, in schema/ or with --decide, by one line for each:\n{}",
            lines.iter().map(|line| format!("  -- trueup: {line}")).collect::<Vec<_>>().join("\n")
        ))
}

impl Question {
    fn in_words(&self) -> String {
        match self {
            Self::Renamed { gone, new } => {
                let new: Vec<String> = new.iter().map(ToString::to_string).collect();
                format!(
                    "{} {gone} is not declared any more, and {} is new: was it renamed?",
                    gone.kind.spoken(),
                    new.join(", ")
                )
            }
            Self::Filled { column, of } => format!(
                "column {column} ({of}) must have a value and has no default: what do the rows get that are there already?"
            ),
        }
    }

    /// The lines that answer it.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Renamed { gone, new } => {
                let word = gone.kind.word();
                let renamed = new.iter().map(|to| format!("renamed {word} {gone} to {to}"));
                renamed.chain([format!("dropped {word} {gone}")]).collect()
            }
            Self::Filled { column, .. } => vec![format!("backfill {column} = EXPRESSION")],
        }
    }

    /// Asks at the terminal. An answer that is none is asked for again.
    async fn ask(&self) -> Result<MigrationDecision> {
        loop {
            let question = match self {
                Self::Renamed { new, .. } => {
                    let names: Vec<&str> = new.iter().map(|id| id.name.as_str()).collect();
                    format!("{} Type {}, or drop", self.in_words(), names.join(", "))
                }
                Self::Filled { .. } => format!("{} Type an SQL expression", self.in_words()),
            };
            let answer = tokio::task::spawn_blocking(move || output::read_text(&question)).await?;
            let answer = answer.map_err(|error| {
                Failure::new(Exit::Refused, format!("not decided: {error}; nothing was written"))
                    .code(ErrorCode::CONFIRMATION_MISSING)
            })?;
            if let Some(decision) = self.answered(&answer) {
                return Ok(decision);
            }
        }
    }

    fn answered(&self, answer: &str) -> Option<MigrationDecision> {
        match self {
            Self::Renamed { gone, .. } if ["drop", "dropped"].contains(&answer) => {
                Some(MigrationDecision::Dropped(gone.clone()))
            }
            Self::Renamed { gone, new } => {
                let to = new.iter().find(|id| id.name == answer || id.to_string() == answer)?;
                Some(MigrationDecision::Renamed { from: gone.clone(), to: to.clone() })
            }
            Self::Filled { column, .. } => (!answer.is_empty())
                .then(|| MigrationDecision::Filled { column: column.clone(), value: answer.to_owned() }),
        }
    }
}
