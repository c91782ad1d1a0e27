//! What an examination is, and what it comes to.

use std::pin::Pin;

use serde::Serialize;

use super::surroundings::Surroundings;
use crate::error::{Failure, FailurePlace};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Grade {
    /// It was not asked, because something else failed.
    #[serde(rename = "not asked")]
    NotAsked,
    /// It is well.
    #[serde(rename = "ok")]
    Ok,
    /// Something should be looked at.
    #[serde(rename = "warn")]
    Warn,
    /// Something does not work.
    #[serde(rename = "fail")]
    Fail,
}

impl Grade {
    /// What people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::NotAsked => "not asked",
        }
    }

    /// Whether what depends on it cannot be asked.
    pub(super) fn is_in_the_way(self) -> bool {
        matches!(self, Self::Fail | Self::NotAsked)
    }
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// What it is, after the name of its examination; with a dot in it: the code of an error.
    pub(super) code: String,
    /// [`Grade::Warn`] or [`Grade::Fail`].
    pub(super) grade: Grade,
    /// What is not well, on which object.
    pub(super) what: String,
    /// What to do about it.
    pub(super) next: String,
    /// The place in a file that it is about, where it is about one.
    #[serde(skip)]
    pub(super) at: Option<FailurePlace>,
}

/// What an examination comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Examined {
    /// How it is, in a few words.
    pub(super) what: String,
    /// Whether that is said of it also where something is not well, and not the worst problem.
    pub(super) is_told_whole: bool,
    /// What is not well.
    pub(super) problems: Vec<Problem>,
    /// Why it was not asked, where it was not.
    pub(super) not_asked: Option<String>,
    /// Further lines.
    pub(super) details: Vec<String>,
}

impl Examined {
    /// It is well.
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// It was not asked.
    pub(super) fn not_asked(why: impl Into<String>) -> Self {
        Self { not_asked: Some(why.into()), ..Self::default() }
    }

    /// Something should be looked at.
    pub(super) fn warn(code: &str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::default().and(Grade::Warn, code, what, next)
    }

    /// Something does not work.
    pub(super) fn fail(code: &str, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::default().and(Grade::Fail, code, what, next)
    }

    /// Something does not work, because of this.
    pub(super) fn failed(failure: &Failure) -> Self {
        Self::default().and_failure(Grade::Fail, failure)
    }

    /// Adds a failure as a problem.
    pub(super) fn and_failure(mut self, grade: Grade, failure: &Failure) -> Self {
        self = self.and(grade, failure.error_code().as_str(), &failure.what, &failure.next);
        if let Some(added) = self.problems.last_mut() {
            added.at.clone_from(&failure.at);
        }
        self
    }

    /// Adds a problem.
    #[must_use]
    pub(super) fn and(
        mut self,
        grade: Grade,
        code: &str,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let code = code.to_owned();
        self.problems.push(Problem { code, grade, what: what.into(), next: next.into(), at: None });
        self
    }

    /// Adds lines.
    #[must_use]
    pub(super) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// How it is: as its worst problem.
    pub(super) fn grade(&self) -> Grade {
        match self.not_asked {
            Some(_) => Grade::NotAsked,
            None => self.problems.iter().map(|problem| problem.grade).max().unwrap_or(Grade::Ok),
        }
    }
}

/// An examination at work.
pub(super) type Examining<'a> = Pin<Box<dyn Future<Output = Result<Examined, Failure>> + 'a>>;

/// How long an examination may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum TimeLimit {
    /// A little longer than connecting may.
    Connecting,
    /// So many seconds.
    Of(u64),
}

/// An examination. A failure that it returns is something that does not work.
pub(crate) struct DoctorExamination {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it looks at, in a few sentences.
    pub(crate) help: &'static str,
    /// The examinations without which it cannot be made.
    pub(super) needs: &'static [&'static str],
    pub(super) limit: TimeLimit,
    /// Whether it writes something that it has to remove: a signal waits for it.
    pub(super) is_finished_first: bool,
    pub(super) examine: for<'a> fn(&'a mut Surroundings<'_>) -> Examining<'a>,
}
