//! What a verdict is valid for, and whether it still is: another database, trueup.lock or set of pending migrations, or too much
//! time, and it says nothing.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::When;
use super::facts::{self, GateFacts};
use super::verdict::{GateVerdict, Override};
use crate::error::{ErrorCode, Exit, Failure};
use crate::model::Lock;
use crate::model::diagnosis::MigrationState;
use crate::plain_file;
use crate::snapshot::Identity;
use crate::text::duration;

/// How long a verdict is worth something.
const VALID: Duration = Duration::from_secs(15 * 60);

/// How far ahead the clock of the machine may be that wrote the file.
const CLOCKS: Duration = Duration::from_secs(60);

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// What a verdict is valid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValidFor {
    /// SHA-256 of trueup.lock.
    pub(crate) lock: String,
    /// The versions that were not applied, in order.
    pub(crate) pending: Vec<String>,
    /// `pg_control_system()`
    pub(crate) system_identifier: String,
    /// The database.
    pub(crate) database: String,
    /// Its oid.
    pub(crate) database_oid: u32,
    /// When it was judged, RFC 3339 in UTC.
    pub(crate) at: String,
}

impl ValidFor {
    /// What a gate was asked about; `None` where the database or what is pending in it is not known.
    pub(super) fn of(facts: &GateFacts<'_>) -> Option<Self> {
        let pending = facts.pending()?;
        let identity = &facts.database.as_ref().ok()?.identity;
        let pending = pending.into_iter().map(|migration| migration.version).collect();
        Some(Self::new(identity, facts.lock_hash.clone(), pending))
    }

    fn new(identity: &Identity, lock: String, pending: Vec<String>) -> Self {
        Self {
            lock,
            pending,
            system_identifier: identity.system_identifier.clone(),
            database: identity.database.clone(),
            database_oid: identity.database_oid,
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

/// What an upgrade needs of the document that `trueup gate --output gate.json` has written.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GateDocument {
    command: String,
    verdict: GateVerdict,
    when: When,
    valid_for: Option<ValidFor>,
    #[serde(default)]
    overrides: Vec<Override>,
}

impl GateDocument {
    /// Reads the file.
    ///
    /// # Errors
    /// Exit 2: it cannot be read, or is no document of `trueup gate`.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        use std::io::Read as _;
        let shown = path.display();
        let wrong = |why: String| {
            Failure::usage(format!("--gate {shown}: {why}"))
                .code(ErrorCode::GATE_FILE_INVALID)
                .next("write it with: trueup gate --output gate.json")
        };
        let file = plain_file::open(path)?.ok_or_else(|| wrong("there is no such file".to_owned()))?;
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        let document: Self = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("this is no document of trueup gate: {error}")))?;
        if document.command != "gate" {
            return Err(wrong(format!("this is a document of trueup {}", document.command)));
        }
        Ok(document)
    }

    /// Refuses a change that the gate has not said READY to: of this database, this project and these pending migrations.
    ///
    /// # Errors
    /// Exit 4.
    pub(crate) fn expect(
        &self,
        lock: &Lock,
        state: &MigrationState,
        identity: &Identity,
    ) -> Result<(), Failure> {
        let pending = facts::pending(lock, state).into_iter().map(|migration| migration.version).collect();
        self.expect_at(&ValidFor::new(identity, facts::lock_hash(lock), pending), SystemTime::now())
    }

    fn expect_at(&self, now: &ValidFor, time: SystemTime) -> Result<(), Failure> {
        let refused = |what: String| {
            Failure::new(Exit::Refused, format!("{what}; nothing was changed"))
                .code(ErrorCode::GATE_REFUSED)
                .next("ask the gate again: trueup gate --output gate.json")
        };
        if self.verdict != GateVerdict::Ready {
            return Err(refused(format!("the gate said {}", self.verdict.label())));
        }
        if self.when == When::After {
            return Err(refused(
                "the gate was asked with --when after, about a deploy that is over".to_owned(),
            ));
        }
        let Some(found) = &self.valid_for else {
            return Err(refused("the gate's file does not say what it is valid for".to_owned()));
        };
        let same = [
            ("server (system identifier)", found.system_identifier == now.system_identifier),
            ("database", found.database == now.database && found.database_oid == now.database_oid),
            ("trueup.lock", found.lock == now.lock),
        ];
        if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
            return Err(refused(format!("the gate was asked about another {what}")));
        }
        if found.pending != now.pending {
            let list = |versions: &[String]| match versions {
                [] => "nothing".to_owned(),
                versions => versions.join(", "),
            };
            return Err(refused(format!(
                "the gate was asked when {} was pending, and now {} is",
                list(&found.pending),
                list(&now.pending)
            )));
        }
        let at = humantime::parse_rfc3339(&found.at).ok();
        let age = at.map(|at| {
            time.duration_since(at).or_else(|ahead| {
                // The clocks of two machines differ.
                if ahead.duration() <= CLOCKS { Ok(Duration::ZERO) } else { Err(ahead) }
            })
        });
        match age {
            Some(Ok(age)) if age <= VALID => Ok(()),
            Some(Ok(age)) => Err(refused(format!(
                "the gate was asked {} ago; what it says is valid for {}",
                duration(age),
                duration(VALID)
            ))),
            _ => Err(refused(format!("the gate's file is of another time: {}", found.at))),
        }
    }

    /// What a person has overridden, for the record of the run that relies on it.
    pub(crate) fn overridden(&self) -> Option<String> {
        let all: Vec<String> = self.overrides.iter().map(Override::in_words).collect();
        (!all.is_empty()).then(|| format!("gate overridden: {}", all.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid_for(at: &str) -> ValidFor {
        ValidFor {
            lock: "abc".to_owned(),
            pending: vec!["4".to_owned(), "5".to_owned()],
            system_identifier: "71".to_owned(),
            database: "shop".to_owned(),
            database_oid: 16_384,
            at: at.to_owned(),
        }
    }

    fn asked(verdict: GateVerdict, found: ValidFor) -> GateDocument {
        GateDocument {
            command: "gate".to_owned(),
            verdict,
            when: When::Before,
            valid_for: Some(found),
            overrides: Vec::new(),
        }
    }

    #[test]
    fn a_verdict_is_valid_for_what_it_was_asked_about() {
        let at = "2026-11-30T12:00:00Z";
        let now = valid_for(at);
        let time = |text: &str| humantime::parse_rfc3339(text).expect("a time");
        let refusal = |document: &GateDocument, when: &str| match document.expect_at(&now, time(when)) {
            Ok(()) => String::new(),
            Err(failure) => {
                assert_eq!(failure.exit, Exit::Refused);
                failure.what
            }
        };
        let ready = asked(GateVerdict::Ready, now.clone());
        assert_eq!(refusal(&ready, "2026-11-30T12:14:59Z"), "");
        assert_eq!(refusal(&ready, "2026-11-30T11:59:30Z"), "", "clocks differ");
        let with = |change: fn(&mut ValidFor)| {
            let mut other = now.clone();
            change(&mut other);
            asked(GateVerdict::Ready, other)
        };
        let after = GateDocument { when: When::After, ..ready.clone() };
        let nothing = GateDocument { valid_for: None, ..ready.clone() };
        for (document, when, wanted) in [
            (ready.clone(), "2026-11-30T12:15:01Z", "valid for 15 min"),
            (ready, "2026-11-30T11:58:00Z", "of another time"),
            (with(|other| other.lock = "abd".to_owned()), at, "another trueup.lock"),
            (with(|other| other.database_oid = 1), at, "another database"),
            (with(|other| other.database = "x".to_owned()), at, "another database"),
            (with(|other| other.system_identifier = "7".to_owned()), at, "another server"),
            (with(|other| drop(other.pending.pop())), at, "when 4 was pending, and now 4, 5 is"),
            (with(|other| other.pending.clear()), at, "when nothing was pending"),
            (with(|other| other.at = "yesterday".to_owned()), at, "of another time: yesterday"),
            (asked(GateVerdict::DoNotDeploy, now.clone()), at, "the gate said DO NOT DEPLOY"),
            (asked(GateVerdict::CannotTell, now.clone()), at, "the gate said CANNOT TELL"),
            (after, at, "--when after"),
            (nothing, at, "does not say what it is valid for"),
        ] {
            let said = refusal(&document, when);
            assert!(said.contains(wanted) && said.ends_with("; nothing was changed"), "{wanted}: {said}");
        }
    }
}
