//! Failures that an operator reads, and the exit codes that pipelines read.
//!
//! Everything that can go wrong in an expected way is a [`Failure`]: it says what happened, on which object, and
//! what to run next, and it carries the exit code. It travels inside [`anyhow::Error`], so that a caller may add
//! context; `main` is the only place that turns it into a process exit.

mod codes;

use std::fmt;

pub use codes::ErrorCode;

/// The exit codes of every command: an API, stable between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Proved: clean, done.
    Clean = 0,
    /// Findings: drift, pending, failing checks.
    Findings = 1,
    /// Usage or project files wrong.
    Usage = 2,
    /// Cannot tell: unreachable, or something that the answer needs is not visible to this role.
    CannotTell = 3,
    /// Refused before anything was touched.
    Refused = 4,
    /// Failed and rolled back.
    RolledBack = 5,
    /// Failed part-way; the same command resumes.
    Partial = 6,
    /// The outcome of a COMMIT is unknown.
    Unknown = 7,
    /// trueup itself broke: never to be read as any of the above.
    Internal = 70,
    /// Somebody else holds a lock, or the catalog would not stand still; try again.
    Busy = 75,
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word for `outcome` in JSON documents.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::CannotTell => "cannot-tell",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
            Self::Internal => "internal-error",
            Self::Busy => "busy",
        }
    }
}

/// One failure, in the words that the operator sees.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The exit code it ends the command with.
    pub exit: Exit,
    /// The condition, where it is one that somebody may branch on; see [`Failure::error_code`].
    pub code: Option<ErrorCode>,
    /// What happened, and on which object. May span lines.
    pub what: String,
    /// What to do or run next; empty when there is nothing to say. May span lines.
    pub next: String,
    /// The place in a file of the project that it is about, where it is about one.
    pub at: Option<FailurePlace>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePlace {
    /// The file, as messages name it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1, where it is known.
    pub column: Option<usize>,
}

impl Failure {
    /// A failure with nothing to run next yet; see [`Failure::next`].
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, code: None, what: what.into(), next: String::new(), at: None }
    }

    /// Wrong usage, or a project file that is wrong (exit 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The answer cannot be had (exit 3).
    pub fn cannot_tell(what: impl Into<String>) -> Self {
        Self::new(Exit::CannotTell, what)
    }

    /// This failure and others as one: all that happened, and each advice once. This one's exit code and condition stay.
    #[must_use]
    pub fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        let mut advice = vec![std::mem::take(&mut self.next)];
        for Self { what, next, .. } in others {
            self.what.push('\n');
            self.what.push_str(&what);
            if !advice.contains(&next) {
                advice.push(next);
            }
        }
        advice.retain(|next| !next.is_empty());
        self.next(advice.join("\n"))
    }

    /// All of what was made, or all that kept it from being made as one failure.
    ///
    /// # Errors
    /// The failures among them; see [`Failure::and`].
    pub fn collect<T>(made: impl IntoIterator<Item = Result<T, Self>>) -> Result<Vec<T>, Self> {
        let (mut all, mut failures) = (Vec::new(), Vec::new());
        for one in made {
            match one {
                Ok(one) => all.push(one),
                Err(failure) => failures.push(failure),
            }
        }
        let mut failures = failures.into_iter();
        failures.next().map_or(Ok(all), |first| Err(first.and(failures)))
    }

    /// Says which condition it is.
    #[must_use]
    pub fn code(mut self, code: ErrorCode) -> Self {
        self.code = Some(code);
        self
    }

    /// The condition, else that of its exit code.
    pub fn error_code(&self) -> ErrorCode {
        self.code.unwrap_or(ErrorCode::of_exit(self.exit))
    }

    /// Says which place in a file it is about.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: usize, column: Option<usize>) -> Self {
        self.at = Some(FailurePlace { file: file.into(), line, column });
        self
    }

    /// Says what to do or run next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// The exit code of any error: its [`Failure`]'s, and [`Exit::Internal`] for what nobody foresaw.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Internal, |failure| failure.exit)
}

/// The error with its [`Failure`] changed; what nobody foresaw stays as it is.
pub fn with_failure(error: anyhow::Error, change: impl FnOnce(Failure) -> Failure) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => change(failure).into(),
        Err(error) => error,
    }
}

/// The code of any error: its [`Failure`]'s, and [`ErrorCode::INTERNAL`] for what nobody foresaw.
pub fn code_of(error: &anyhow::Error) -> ErrorCode {
    error.downcast_ref::<Failure>().map_or(ErrorCode::INTERNAL, Failure::error_code)
}

/// What went wrong, in words: an error that is no failure cannot tell.
pub fn failure_of(error: anyhow::Error) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::cannot_tell(format!("{error:#}")),
    }
}
