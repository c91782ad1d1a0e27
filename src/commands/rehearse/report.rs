//! The report of `trueup rehearse`.

use std::time::Duration;

use serde::Serialize;

use crate::error::Exit;
use crate::findings::{Finding, Summary};
use crate::output::view::{Content, Headline, Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::{duration, plural, short_id, size};
use crate::workflow::rehearsal::{
    BlockingWindow, EstimatedTime, RefusedTime, Rehearsal, RehearsedBackup, RehearsedCheck, RehearsedLock,
    RehearsedMigration, RehearsedSeeds, RehearsedStatement, TimesBasis, in_words, refused_in_words,
};

/// What was rehearsed, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RehearsalReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// Findings by severity.
    pub(super) summary: Summary,
    /// The rehearsal.
    #[serde(flatten)]
    pub(super) rehearsal: Rehearsal,
}

impl Report for RehearsalReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("rehearse"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new().headline(self.headline());
        for migration in &self.rehearsal.migrations {
            view = view.then(migration_view(migration));
        }
        for finding in &self.rehearsal.findings {
            let place = finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = finding.sides.as_ref().map(|sides| sides.database.as_str()).unwrap_or_default();
            view = view.text(Text::new(format!(
                "{place}  {} {}: {}",
                finding.severity,
                finding.code,
                finding.object_in_line()
            )));
            view = what.lines().take(LINES).fold(view, |view, line| view.text(Text::new(line).indented(2)));
            let more = what.lines().count().saturating_sub(LINES);
            if more > 0 {
                let more = format!("({} more; --format json has all)", plural(more, "line"));
                view = view.text(Text::new(more).indented(2));
            }
            if let Some(advice) = &finding.remedy.advice {
                view = view.text(Text::new(advice).indented(2));
            }
        }
        if self.rehearsal.refused.as_ref().is_some_and(Vec::is_empty) {
            view = view.text(Text::new("other sessions were refused nothing"));
        }
        view = view.lines(self.data());
        let mut notes = self.rehearsal.notes.clone();
        notes.extend(self.basis());
        notes.extend(self.corrected());
        notes.extend(self.rehearsal.stop.as_ref().map(|stop| stop.why.clone()));
        let (verdict, tone) = self.verdict();
        view.notes(notes).verdict(verdict, tone).next(self.next())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.rehearsal.findings)
    }
}

impl RehearsalReport {
    fn headline(&self) -> Headline {
        let Rehearsal { target, server, from, migrations, .. } = &self.rehearsal;
        let mut headline = match target {
            Some(target) => target.headline(),
            None => Headline { subject: "no database".to_owned(), details: String::new(), lines: Vec::new() },
        };
        let from = from.as_deref().unwrap_or("an empty database");
        if let Some(server) = server {
            headline.lines.push(format!(
                "rehearsed in a throwaway server, PostgreSQL {server}: {} after {from}",
                plural(migrations.len(), "migration")
            ));
        }
        if let Some(backup) = &self.rehearsal.backup {
            headline.lines.push(backup_in_words(backup));
        }
        headline
    }

    /// What came of the seeds and the data checks.
    fn data(&self) -> Vec<String> {
        let Rehearsal { seeds, checks, .. } = &self.rehearsal;
        let mut lines = Vec::new();
        if let Some(RehearsedSeeds { inserted, updated, milliseconds }) = seeds {
            let time = in_words(*milliseconds as f64);
            lines.push(format!("seeds: {} inserted, {updated} updated, in {time}", plural(*inserted, "row")));
        }
        if let Some(longest) = checks.iter().max_by_key(|check| check.milliseconds) {
            let time = in_words(longest.milliseconds as f64);
            lines.push(match checks.as_slice() {
                [one] => format!("data check {} ran without an error, in {time}", one.check),
                all => {
                    let count = plural(all.len(), "data check");
                    format!("{count} ran without an error; {} took longest: {time}", longest.check)
                }
            });
        }
        for RehearsedCheck { check, rows, rows_before, .. } in checks {
            let Some(rows) = rows.filter(|rows| *rows > 0) else { continue };
            let before = rows_before.map(|before| format!(", {before} before the migrations"));
            lines.push(format!("{check} finds {}{}", plural(rows, "row"), before.unwrap_or_default()));
        }
        lines
    }

    /// What was corrected by how long such work took in the database before.
    fn corrected(&self) -> Vec<String> {
        let all = self.rehearsal.migrations.iter();
        let all = all.flat_map(|migration| migration.statements.iter().map(move |one| (migration, one)));
        let corrected = all.filter(|(_, statement)| statement.corrected);
        let words = corrected.filter_map(|(RehearsedMigration { version, .. }, statement)| {
            Some(format!("V{version}:{}: {}", statement.line, statement.basis.as_ref()?))
        });
        words.collect()
    }

    /// What the times are worth.
    fn basis(&self) -> Option<String> {
        let Rehearsal { rows, times, migrations, .. } = &self.rehearsal;
        if migrations.is_empty() {
            return None;
        }
        let estimated = migrations.iter().flat_map(|migration| &migration.statements);
        let estimated = estimated.filter(|statement| statement.estimate.is_some()).count();
        let made = rows.unwrap_or_default();
        Some(match times {
            TimesBasis::EmptyTables => {
                let some = if self.rehearsal.findings.is_empty() { "; --rows 100000 makes some" } else { "" };
                format!("the tables are empty: times say nothing of work on rows{some}")
            }
            TimesBasis::MadeRows if estimated > 0 => format!(
                "real: estimated from {made} made rows on this machine, 0.5 to 3 times the time per row"
            ),
            TimesBasis::MadeRows => format!(
                "times are those of {made} made rows on this machine; how many rows a real database has is not known here"
            ),
            TimesBasis::RealRows => {
                "times are measured on the rows of the backup, on this machine, without fsync: a real server may be slower"
                    .to_owned()
            }
        })
    }

    fn verdict(&self) -> (String, Tone) {
        let Rehearsal { migrations, findings, .. } = &self.rehearsal;
        if migrations.is_empty() {
            return ("nothing to rehearse: no migration would be applied".to_owned(), Tone::Good);
        }
        if !findings.is_empty() {
            let what = match self.summary.error {
                0 => plural(self.summary.warning, "warning"),
                errors => plural(errors, "error"),
            };
            let text = format!("{what}: do not apply this yet; only the throwaway server was touched");
            return (text, if self.summary.error == 0 { Tone::Warning } else { Tone::Bad });
        }
        let reverted = migrations.iter().filter(|migration| migration.again_milliseconds.is_some()).count();
        let and = match reverted {
            0 => String::new(),
            all if all == migrations.len() => ", reverted, and applied again".to_owned(),
            some => format!(", {some} of them reverted and applied again"),
        };
        let applied = plural(migrations.len(), "migration");
        (format!("OK: {applied} applied{and}; the result is the compiled schema"), Tone::Good)
    }

    fn next(&self) -> Option<String> {
        let stop =
            self.rehearsal.stop.as_ref().map(|stop| stop.next.replace("trueup upgrade", "trueup rehearse"));
        match self.exit {
            Exit::Clean if !self.rehearsal.migrations.is_empty() => Some(self.rehearsal.next.clone()),
            Exit::Clean => stop,
            _ => None,
        }
    }
}

fn migration_view(migration: &RehearsedMigration) -> View {
    let RehearsedMigration { title, file, transactional, milliseconds, down_milliseconds, .. } = migration;
    let mut facts = vec![file.clone()];
    facts.push(if *transactional {
        "one transaction".to_owned()
    } else {
        "statement by statement".to_owned()
    });
    facts.extend(milliseconds.map(|time| format!("applied in {}", in_words(time as f64))));
    facts.extend(down_milliseconds.map(|time| format!("reverted in {}", in_words(time as f64))));
    let mut view = View::new().text(Text::labelled(title.clone(), facts.join(", ")));
    let mut table = Table::new(&[
        ("line", Content::Number),
        ("statement", Content::Code),
        ("time", Content::Number),
        ("locks", Content::Prose),
        ("work", Content::Prose),
    ]);
    for statement in migration.statements.iter().filter(|statement| is_worth_a_row(statement)) {
        table.push(row(statement));
    }
    view = view.table(table);
    if milliseconds.is_some() {
        view = view.text(Text::new(window_in_words(migration.blocks.as_ref())));
    }
    let refused = migration.refused.iter().map(RefusedTime::parts);
    view = view.lines(refused_in_words(refused));
    if down_milliseconds.is_some() && migration.down_blocks.is_some() {
        let words = window_in_words(migration.down_blocks.as_ref());
        view = view.text(Text::new(format!("when it is reverted: {words}")));
    }
    view
}

/// From so many milliseconds on a statement is shown that neither locks nor reads anything that was there. Documents have all.
const SLOW: f64 = 10.0;

fn is_worth_a_row(statement: &RehearsedStatement) -> bool {
    !statement.locks.is_empty()
        || !statement.refused.is_empty()
        || !statement.work.is_empty()
        || statement.milliseconds.is_some_and(|time| time >= SLOW)
}

fn row(statement: &RehearsedStatement) -> [String; 5] {
    let RehearsedStatement { line, sql, milliseconds, locks, work, estimate, refused, .. } = statement;
    let mut locks = locks_in_words(locks);
    locks.extend(refused_in_words(refused.iter().map(RefusedTime::parts)));
    let mut time = milliseconds.map(in_words).unwrap_or_default();
    if let Some(range) = estimate.filter(|range| range.high_milliseconds >= SLOW) {
        time = format!("{time}\nreal: {}", range_in_words(range));
    }
    [line.to_string(), sql.clone(), time, locks.join("\n"), shortened(work).join("\n")]
}

/// How many lines of a finding are shown: the bodies of two functions may be in it.
const LINES: usize = 24;

/// How many relations a line names: a partitioned table may have thousands of partitions. Documents have all.
const NAMED: usize = 3;

/// The first of these, and how many more there are.
fn shortened(all: &[String]) -> Vec<String> {
    // One more takes no less room than its name.
    let named = if all.len() == NAMED + 1 { all.len() } else { NAMED };
    let more = all.len().saturating_sub(named);
    let more = (more > 0).then(|| format!("and {more} more"));
    all.iter().take(named).cloned().chain(more).collect()
}

/// `ACCESS EXCLUSIVE on public.users: readers and writers wait`
fn locks_in_words(locks: &[RehearsedLock]) -> Vec<String> {
    let words = |lock: &RehearsedLock| {
        let waits = match lock.blocks {
            "nobody" => String::new(),
            who => format!(": {who} wait"),
        };
        format!("{} on {}{waits}", lock.mode, lock.relation)
    };
    let strong = locks.iter().filter(|lock| lock.blocks != "nobody");
    let weak = locks.iter().filter(|lock| lock.blocks == "nobody");
    shortened(&strong.chain(weak).map(words).collect::<Vec<_>>())
}

/// `readers and writers of public.users wait 12 ms (lines 3 to 5)`
fn window_in_words(window: Option<&BlockingWindow>) -> String {
    let Some(BlockingWindow { from_line, to_line, milliseconds, locks, estimate }) = window else {
        return "nobody waits".to_owned();
    };
    let of = |who: &str| {
        let relations = locks.iter().filter(|lock| lock.blocks == who);
        let relations: Vec<String> = relations.map(|lock| lock.relation.to_string()).collect();
        (!relations.is_empty()).then(|| format!("{who} of {}", shortened(&relations).join(", ")))
    };
    let who: Vec<String> = ["readers and writers", "writers"].into_iter().filter_map(of).collect();
    let lines = match from_line == to_line {
        true => format!("line {from_line}"),
        false => format!("lines {from_line} to {to_line}"),
    };
    let real = match estimate {
        Some(range) => format!("; real: {}", range_in_words(*range)),
        None => String::new(),
    };
    format!("{} wait {} ({lines}){real}", who.join(" and "), in_words(*milliseconds))
}

/// `1.2 s to 8.0 s`
fn range_in_words(range: EstimatedTime) -> String {
    let (low, high) = (in_words(range.low_milliseconds), in_words(range.high_milliseconds));
    if low == high { low } else { format!("{low} to {high}") }
}

/// `on the rows of backup 01J0000000 of database shop, 3 h old: version 5, 41000 rows, 1.2 GB`
fn backup_in_words(backup: &RehearsedBackup) -> String {
    let RehearsedBackup { id, database, own, version, rows, database_bytes, age_seconds, .. } = backup;
    let age = age_seconds.map(|age| format!(", {} old", duration(Duration::from_secs(age))));
    let other = if *own { "" } else { ", another one than this," };
    let version =
        version.as_ref().map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
    let then = match backup.applied_before.as_slice() {
        [] => String::new(),
        before => format!("; applied to it before: {}", before.join(", ")),
    };
    format!(
        "on the rows of backup {} of database {database}{other}{}: {version}, {}, {}{then}",
        short_id(id),
        age.unwrap_or_default(),
        plural(*rows, "row"),
        size(*database_bytes)
    )
}
