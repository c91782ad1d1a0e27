//! Identifiers of runs and backups as a person types them: in full, or abbreviated. Pure.
//!
//! What is restored or taken back must never be more, or something else, than was meant: an empty identifier, which an
//! empty shell variable gives, means nothing, and an abbreviated one must be long enough to be no accident.

use crate::error::{Exit, Failure};

/// An abbreviated identifier has at least this many characters. The first six of a ULID are its time in steps of 17 minutes:
/// where they are those of several, more of them are asked for.
pub const SHORTEST_ID: usize = 6;
/// At most this many candidates are named in an error.
const NAMED_CANDIDATES: usize = 5;

/// What an identifier identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A backup in a store.
    Backup,
    /// A run whose repairs can be taken back.
    Run,
}

impl IdKind {
    fn noun(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Run => "run",
        }
    }

    fn list_command(self) -> &'static str {
        match self {
            Self::Backup => "trueup backup list --all",
            Self::Run => "trueup status --runs",
        }
    }

    /// The exit code of an abbreviation that is not enough.
    fn exit(self) -> Exit {
        match self {
            Self::Backup => Exit::Usage,
            Self::Run => Exit::Refused,
        }
    }

    /// The whole identifier that was typed: exactly, or its beginning or end, in upper or lower case. `None` when none of
    /// the known ones is meant.
    ///
    /// # Errors
    /// Exit 2: the typed identifier is empty. Exit 2 for a backup, exit 4 for a run: it is abbreviated to fewer than
    /// [`SHORTEST_ID`] characters, or several identifiers begin or end with it.
    pub fn complete(
        self,
        typed: &str,
        known: impl IntoIterator<Item = String>,
    ) -> Result<Option<String>, Failure> {
        let noun = self.noun();
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(Failure::usage(format!(
                "the identifier of the {noun} is empty; nothing was changed"
            ))
            .next(format!("give the identifier: {} lists them", self.list_command())));
        }
        let upper = typed.to_ascii_uppercase();
        let mut candidates = Vec::new();
        for id in known {
            let known_upper = id.to_ascii_uppercase();
            if known_upper == upper {
                return Ok(Some(id));
            }
            if known_upper.starts_with(&upper) || known_upper.ends_with(&upper) {
                candidates.push(id);
            }
        }
        candidates.sort();
        candidates.dedup();
        let is_short = typed.chars().count() < SHORTEST_ID;
        let why = match candidates.as_slice() {
            [] => return Ok(None),
            _ if is_short => format!("{typed} is too short for the identifier of a {noun}"),
            [_] => return Ok(candidates.pop()),
            _ => format!("{typed} is the identifier of several {noun}s"),
        };
        let named = &candidates[..candidates.len().min(NAMED_CANDIDATES)];
        let mut what = format!("{why}; it may be {}", named.join(" or "));
        if candidates.len() > named.len() {
            what.push_str(&format!(" or {} more", candidates.len() - named.len()));
        }
        let give = match is_short {
            true => format!("at least {SHORTEST_ID} characters"),
            false => "more characters".to_owned(),
        };
        Err(Failure::new(self.exit(), format!("{what}; nothing was changed"))
            .next(format!("give {give} of it: {} lists them", self.list_command())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] =
        ["01K9Z2Q4R7M8N3P5T6V0W1X2Y3", "01K9Z2Q4R7M8N3P5T6V0W1X2Y4", "01K9ZZZZZZM8N3P5T6V0W1X2Y5"];

    fn complete(typed: &str) -> Result<Option<String>, Failure> {
        IdKind::Run.complete(typed, KNOWN.map(str::to_owned))
    }

    #[test]
    fn f64_an_identifier_is_whole_or_its_beginning_or_end() {
        for typed in [KNOWN[2], "01k9zz", "01K9ZZZZZZM8N", "W1X2Y5", " T6V0W1X2Y5 "] {
            assert_eq!(complete(typed).unwrap().as_deref(), Some(KNOWN[2]), "{typed}");
        }
        assert_eq!(complete(KNOWN[0]).unwrap().as_deref(), Some(KNOWN[0]));
        for typed in ["%", "01K9ZZZZZZX", "01K9Z2Q4R7M8N3P5T6V0W1X2Y3Z"] {
            assert_eq!(complete(typed).unwrap(), None, "{typed}");
        }
    }

    #[test]
    fn f64_an_empty_identifier_means_nothing() {
        for typed in ["", " ", "\n"] {
            for known in [Vec::new(), vec![KNOWN[0].to_owned()]] {
                let failure = IdKind::Backup.complete(typed, known).unwrap_err();
                assert_eq!(failure.exit, Exit::Usage);
                assert!(failure.what.contains("the backup is empty"), "{failure}");
            }
        }
    }

    #[test]
    fn f64_a_short_identifier_is_refused_even_when_it_is_the_only_one() {
        for short in ["0", "01K9Z", "01K9z", "1X2Y5"] {
            let failure = complete(short).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused);
            assert!(failure.what.contains("too short") && failure.what.contains(KNOWN[2]), "{failure}");
            assert!(failure.next.contains("at least 6 characters"), "{failure}");
        }
        for several in ["01K9Z2", "01K9Z2Q4R7M8"] {
            let failure = complete(several).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused);
            assert!(failure.what.contains(KNOWN[0]) && !failure.what.contains(KNOWN[2]), "{failure}");
            assert!(failure.what.contains("several runs") && failure.what.contains(KNOWN[1]), "{failure}");
        }
        let failure = IdKind::Backup.complete("01K9", KNOWN.map(str::to_owned)).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
