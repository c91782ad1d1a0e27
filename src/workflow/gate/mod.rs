//! The gate before a deploy: one verdict over everything that speaks for or against it. It writes nothing, and answers within
//! its deadline: what was not answered then is "cannot tell".
//!
//! A section is one file with a [`section::GateSection`] and one line in [`SECTIONS`]. `facts` reads the project and the
//! database once for all of them; who needs more asks on the same connection, in the same snapshot, or elsewhere beside that.
//! What one section cannot tell hides nothing of another one.

mod around;
mod facts;
mod operations;
mod report;
mod schema;
mod section;
mod session;
mod valid_for;
mod verdict;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Exit, Failure};
use crate::project::{GateLevel, SectionName, Settings};
use facts::GateFacts;
pub(crate) use report::GateReport;
pub(crate) use section::GateSection;
use section::{Asking, Judge, Judgement, Question};
use session::{Deadline, GateSession};
pub(crate) use valid_for::GateDocument;
use verdict::{JudgedSection, Override};

/// Every section, in the order of reports.
pub(crate) const SECTIONS: &[GateSection] = &[
    schema::identity::SECTION,
    schema::rights::SECTION,
    schema::history::SECTION,
    schema::drift::SECTION,
    schema::pending::SECTION,
    operations::hazards::SECTION,
    operations::data::SECTION,
    schema::seeds::SECTION,
    operations::backup::SECTION,
    operations::blockers::SECTION,
    operations::replicas::SECTION,
    operations::rehearsal::SECTION,
    around::environment::SECTION,
    around::commands::SECTION,
    around::evidence::SECTION,
    around::people::SECTION,
];

/// When the gate is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    /// Before the deploy: migrations may be pending
    #[default]
    Before,
    /// After it: only contract migrations may be pending
    After,
}

/// What a gate is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct GateRequest {
    pub(crate) when: When,
    /// The sections that a person overrides.
    pub(crate) overrides: Vec<SectionName>,
    /// Why.
    pub(crate) reason: Option<String>,
    /// The trueup.lock for which the person has decided that, by its hash.
    pub(crate) for_lock: Option<String>,
}

/// Judges all sections.
///
/// # Errors
/// Exit 2: the project's files are wrong, or no database was given. Exit 3: the project's model is stale, and there is no server
/// to compile in. Exit 4: an override that is for another trueup.lock.
pub(crate) async fn judge(settings: &Settings, asked: &GateRequest) -> Result<GateReport> {
    let deadline = Deadline::after(settings.gate.deadline);
    let (facts, session) = facts::gather(settings, asked, deadline).await?;
    let overrides = overrides(settings, asked, &facts.lock_hash)?;
    let mut judged = judgements(&facts, session).await;
    let sections = SECTIONS.iter().map(|section| {
        let level = level(settings, section);
        let judgement = match judged.remove(&section.name) {
            Some(Ok(judgement)) => judgement,
            Some(Err(failure)) => Judgement::unknown(&failure),
            None => Judgement::off(format!("[gate.{}] level = \"off\"", section.name.word())),
        };
        let overridden = overrides.iter().find(|found| found.section == section.name.word()).cloned();
        JudgedSection { name: section.name, level, judgement: judgement.at(level), overridden }
    });
    let sections: Vec<JudgedSection> = sections.collect();
    let report = GateReport::new(&facts, sections);
    // The process ends soon: freeing two catalogs piece by piece would take as long as comparing them.
    std::mem::forget(facts);
    Ok(report)
}

/// What a section may do to the verdict.
fn level(settings: &Settings, section: &GateSection) -> GateLevel {
    settings.gate.level(section.name).unwrap_or(section.level)
}

/// The judgements of all sections that are asked.
async fn judgements(
    facts: &GateFacts<'_>,
    session: GateSession,
) -> BTreeMap<SectionName, Result<Judgement, Failure>> {
    let asked = || SECTIONS.iter().filter(|section| level(facts.settings, section) != GateLevel::Off);
    let elsewhere = asked().filter_map(|section| {
        let Judge::Elsewhere(judge) = &section.judge else { return None };
        Some(async move {
            let judged = facts.deadline.within(async { Ok(judge(facts).await?) }).await;
            (section.name, judged)
        })
    });
    let of_database = async {
        let mut session = session;
        let (mut judged, mut asked_of_database) = (Vec::new(), Vec::new());
        for section in asked() {
            match &section.judge {
                Judge::Facts(judge) => judged.push((section.name, Ok(judge(facts)))),
                Judge::Database(asking) => asked_of_database.push((section.name, asking)),
                Judge::Rows(_) | Judge::Elsewhere(_) => {}
            }
        }
        judged.extend(ask(facts, &mut session, asked_of_database).await);
        for section in asked() {
            if let Judge::Rows(judge) = &section.judge {
                judged.push((section.name, judge(facts, &mut session).await));
            }
        }
        session.close().await;
        judged
    };
    let (of_database, elsewhere) = tokio::join!(of_database, join_all(elsewhere));
    of_database.into_iter().chain(elsewhere).collect()
}

/// Asks the questions of all these sections in one message. Where the server refuses to answer that, each section asks alone.
async fn ask(
    facts: &GateFacts<'_>,
    session: &mut GateSession,
    sections: Vec<(SectionName, &Asking)>,
) -> Vec<(SectionName, Result<Judgement, Failure>)> {
    let questions: Vec<_> = sections.iter().map(|(_, asking)| (asking.questions)(facts)).collect();
    let all: Vec<&Question> = questions.iter().flatten().flatten().collect();
    let mut together = session.answers("asking for the sections of the gate", &all).await.map(Vec::into_iter);
    let mut judged = Vec::new();
    for ((name, asking), questions) in sections.into_iter().zip(&questions) {
        let answers = match (questions, &mut together) {
            (Err(failure), _) => Err(failure.clone()),
            (Ok(questions), Ok(answers)) => Ok(answers.take(questions.len()).collect()),
            (Ok(questions), Err(_)) => {
                session.answers(asking.doing, &questions.iter().collect::<Vec<_>>()).await
            }
        };
        judged.push((name, answers.and_then(|answers: Vec<_>| (asking.judge)(facts, &answers))));
    }
    judged
}

/// How many characters of a hash name a file beyond doubt.
const ENOUGH: usize = 12;

/// What a person overrides, where it is for this trueup.lock.
fn overrides(settings: &Settings, asked: &GateRequest, lock_hash: &str) -> Result<Vec<Override>, Failure> {
    if asked.overrides.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = |what: &str| Failure::usage(what.to_owned()).code(ErrorCode::USAGE_ARGUMENTS);
    let (reason, wanted) = (asked.reason.as_deref().unwrap_or_default(), asked.for_lock.as_deref());
    if reason.trim().is_empty() {
        return Err(
            wrong("--override needs a reason").next("--reason \"why the deploy must begin all the same\"")
        );
    }
    if asked.overrides.contains(&SectionName::Identity) {
        return Err(wrong("--override identity: a wrong database cannot be overridden")
            .next("give the URL of the database that is meant"));
    }
    let wanted = wanted.unwrap_or_default().to_ascii_lowercase();
    if wanted.len() < ENOUGH || !lock_hash.starts_with(&wanted) {
        let what = format!(
            "--for {wanted} names another trueup.lock: what is overridden must have been decided for this one, {lock_hash}"
        );
        return Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::GATE_OTHER_LOCK)
            .next("look at what the gate says for this one, then decide again"));
    }
    let caller = &settings.caller;
    let one = |section: &SectionName| Override {
        section: section.word().to_owned(),
        reason: reason.to_owned(),
        by: format!("{}@{}", caller.user, caller.host),
    };
    Ok(asked.overrides.iter().map(one).collect())
}
