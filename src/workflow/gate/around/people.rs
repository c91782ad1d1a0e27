//! `people`: whether people have said what must be said before just these migrations are applied.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::super::When;
use super::super::facts::GateFacts;
use super::super::section::{Conclusion, GateSection, Judge, Judgement, Judging, finding};
use crate::error::Failure;
use crate::output::is_invisible;
use crate::project::{AttestSettings, GateLevel, SectionName};
use crate::text::{duration, plural};
use crate::workflow::attestation::{self, Attestation, AttestedState, NOBODY_IS_AUTHENTICATED};
use crate::workflow::git;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::People,
    level: GateLevel::Block,
    help: "People have said what must be true before this deploy: name, by = 1 and expires = \"7d\" below [[gate.attest]]. They \
           say it with trueup attest NAME --reason TEXT, which adds a line to attestations.jsonl; commit it, or record it in the \
           database: --record database. It counts for \
           one trueup.lock and one set of pending migrations: with others it is void. by = 2 wants two different names, and \
           neither may be an author of the pending migrations by git. trueup authenticates nobody. It is not asked with \
           --when after.",
    judge: Judge::Elsewhere(judge),
};

/// How far ahead the clock of a machine may be.
const CLOCKS: Duration = Duration::from_secs(60);

fn judge<'a>(facts: &'a GateFacts<'_>) -> Judging<'a> {
    Box::pin(async move {
        let settings = facts.settings;
        let wanted = settings.gate.around.attest.clone();
        if wanted.is_empty() {
            return Ok(Judgement::off("trueup.toml has no [[gate.attest]]"));
        }
        if facts.when == When::After {
            return Ok(Judgement::off("asked before a deploy alone"));
        }
        let pending = match (&facts.state, facts.pending()) {
            (Err(failure), _) => return Ok(Judgement::unknown(failure)),
            (_, pending) => pending.unwrap_or_default(),
        };
        let pending: Vec<String> = pending.into_iter().map(|migration| migration.version).collect();
        let files = facts.declared.migrations.iter().filter(|file| {
            let id = crate::migrations::MigrationId {
                version: file.version,
                name: &file.name,
                revision: file.revision.as_ref(),
            };
            pending.contains(&id.version_text())
        });
        let files: Vec<PathBuf> = files.map(|file| settings.project.dir.join(&file.path)).collect();
        let (project, lock) = (settings.project.dir.clone(), facts.lock_hash.clone());
        let mut lines = facts.attested.clone();
        let snapshot = facts.schema.as_ref().map(|schema| &schema.snapshot);
        let internal = snapshot.ok().and_then(|snapshot| snapshot.internal.as_ref());
        let recorded = internal.map(|internal| attestation::recorded(&internal.attested)).transpose()?;
        let unread = snapshot.map_or(true, |snapshot| snapshot.attested_hidden);
        let read = move || {
            lines.extend(recorded.into_iter().flatten());
            // Whoever wrote a migration does not count where several people are wanted.
            let authors = wanted.iter().any(|one| one.by > 1).then(|| git::authors(&project, &files));
            let state = AttestedState { lock: &lock, pending: &pending };
            told(&wanted, &lines, state, authors.as_ref(), SystemTime::now())
        };
        let read = tokio::task::spawn_blocking(read);
        let told = read
            .await
            .map_err(|error| Failure::cannot_tell(format!("the attestations could not be read: {error}")))?;
        // What is not in the file may be recorded in the database.
        Ok(match (told.conclusion, unread) {
            (Conclusion::Blocks, true) => Judgement::unknown(
                &Failure::cannot_tell(format!(
                    "{}; what is recorded in the database could not be read",
                    told.what
                ))
                .next("GRANT SELECT ON trueup.steps TO the role, or ask as one that has it"),
            ),
            _ => told,
        })
    })
}

/// What was said about one of those that are wanted.
#[derive(Default)]
struct Said<'l> {
    /// Those that count, the newest of each person.
    valid: Vec<&'l Attestation>,
    /// Why another one does not: the newest.
    void: Option<(&'static str, String)>,
}

/// Holds the lines against what is wanted.
pub(super) fn told(
    wanted: &[AttestSettings],
    lines: &[Attestation],
    state: AttestedState<'_>,
    authors: Option<&Result<BTreeSet<String>, String>>,
    now: SystemTime,
) -> Judgement {
    let (mut findings, mut words, mut unknown, mut shown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in wanted {
        let own_work = match authors {
            Some(Ok(authors)) if one.by > 1 => authors.iter().map(|name| key(name)).collect(),
            _ => BTreeSet::new(),
        };
        let said = said(one, lines, state, &own_work, now);
        shown.extend(said.valid.iter().map(|line| format!("{}: {}", one.name, line.in_words())));
        let (have, want) = (said.valid.len(), one.by as usize);
        if have >= want {
            // Who is an author is not known, and one of these may be.
            if let Some(Err(why)) = authors.filter(|_| one.by > 1 && !state.pending.is_empty()) {
                unknown.push(format!("{}: who wrote the migrations is not known: {why}", one.name));
            }
            continue;
        }
        let (code, why) = match said.void {
            Some((code, why)) if have == 0 => (code, why),
            void => {
                let void = void.map(|(_, why)| format!(" ({why})")).unwrap_or_default();
                match (have, want) {
                    (0, 1) => ("missing", format!("nobody has said so{void}")),
                    (have, want) => ("too_few", format!("{have} of {} said so{void}", plural(want, "name"))),
                }
            }
        };
        // A finding says what it is about.
        let what = format!("{}: {why}", one.name);
        let next =
            format!("trueup attest {} --reason TEXT, then commit attestations.jsonl", quoted(&one.name));
        findings.push(finding(SectionName::People, code, &one.name, &why, &next));
        shown.push(what.clone());
        words.push(what);
    }
    let judgement = if findings.is_empty() {
        Judgement::ready(format!("{} (not authenticated)", plural(wanted.len(), "attestation")))
    } else {
        Judgement::of_findings(findings, words.join("; "))
    };
    shown.push(NOBODY_IS_AUTHENTICATED.to_owned());
    let judgement = judgement.lines(shown);
    if unknown.is_empty() { judgement } else { judgement.incomplete(unknown.join("; ")) }
}

fn said<'l>(
    wanted: &AttestSettings,
    lines: &'l [Attestation],
    state: AttestedState<'_>,
    own_work: &BTreeSet<String>,
    now: SystemTime,
) -> Said<'l> {
    let mut said = Said::default();
    for line in lines.iter().rev().filter(|line| line.name == wanted.name) {
        let void = if let Some(why) = line.void(state) {
            Some(("void", format!("{} of {} was {why}", line.by, line.at)))
        } else if own_work.contains(&key(&line.by)) {
            Some(("author", format!("{} wrote one of the migrations", line.by)))
        } else {
            expired(wanted, line, now).map(|why| ("expired", why))
        };
        match void {
            Some(void) => said.void = said.void.or(Some(void)),
            None if said.valid.iter().all(|other| key(&other.by) != key(&line.by)) => said.valid.push(line),
            None => {}
        }
    }
    said
}

/// Why a line is not of the time that is wanted.
fn expired(wanted: &AttestSettings, line: &Attestation, now: SystemTime) -> Option<String> {
    let of = format!("{} of {}", line.by, line.at);
    let Ok(at) = humantime::parse_rfc3339(&line.at) else { return Some(format!("{of} has no time")) };
    let age = match now.duration_since(at) {
        Ok(age) => age,
        Err(ahead) if ahead.duration() <= CLOCKS => Duration::ZERO,
        Err(_) => return Some(format!("{of} is in the future")),
    };
    let limit = wanted.expires.filter(|limit| age > *limit)?;
    Some(format!("{of} has expired: it counts for {}", in_days(limit)))
}

fn in_days(time: Duration) -> String {
    const DAY: u64 = 24 * 3600;
    match time.as_secs() {
        seconds if seconds >= DAY && seconds % DAY == 0 => plural(seconds / DAY, "day"),
        seconds @ 1..60 => format!("{seconds} s"),
        _ => duration(time),
    }
}

/// What makes two spellings of a name one. What nobody sees makes no other name.
fn key(name: &str) -> String {
    let seen: String = name.chars().filter(|&letter| !is_invisible(letter)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn quoted(name: &str) -> String {
    shlex::try_quote(name).map_or_else(|_| name.to_owned(), std::borrow::Cow::into_owned)
}
