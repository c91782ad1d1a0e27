//! What `trueup compile` says.

use serde::{Serialize, Serializer};

use crate::error::Exit;
use crate::findings::Command;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;

/// What came of compiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompileReport {
    /// The run's ULID.
    pub(super) run: String,
    /// The exit code.
    pub(super) exit: Exit,
    /// The lock file, as people name it.
    pub(super) file: String,
    /// What was done.
    pub(super) outcome: Compiled,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Compiled {
    /// The lock file was written.
    Written {
        /// Objects of the model.
        objects: usize,
        /// Migrations.
        migrations: usize,
        /// Those that were replayed; what the others do was kept by an earlier compilation.
        replayed: usize,
        /// The version of the server that compiled.
        server: String,
        /// Objects that trueup does not model: kind and name.
        unmodeled: Vec<String>,
        /// What the files say that comes to something else than it seems.
        notes: Vec<String>,
    },
    /// It was looked at.
    Checked {
        /// Why it is out of date; empty when it is not.
        stale: Vec<String>,
    },
}

impl Report for CompileReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("compile"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let file = &self.file;
        match &self.outcome {
            Compiled::Written { objects, migrations, replayed, server, unmodeled, notes } => {
                let mut counted =
                    format!("{}, {}", plural(*objects, "object"), plural(*migrations, "migration"));
                if replayed < migrations {
                    counted.push_str(&format!(" ({replayed} replayed)"));
                }
                View::new()
                    .lines(unmodeled.iter().map(|other| format!("not modelled: {other}")))
                    .notes(notes.clone())
                    .verdict(format!("{file}: {counted}, compiled by PostgreSQL {server}"), Tone::Good)
            }
            Compiled::Checked { stale } if stale.is_empty() => {
                View::new().verdict(format!("{file} is up to date"), Tone::Good)
            }
            Compiled::Checked { stale } => View::new()
                .lines(stale.clone())
                .verdict(format!("{file} is stale"), Tone::Warning)
                .next([Command::Compile.to_string()]),
        }
    }
}

/// The body of the JSON document: `{"lock": {...}}`.
impl Serialize for CompileReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            lock: LockPart<'a>,
        }
        #[derive(Serialize, Default)]
        struct LockPart<'a> {
            file: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            objects: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            migrations: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            replayed: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            server_version: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unmodeled: Option<&'a [String]>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            notes: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            stale: Option<&'a [String]>,
        }
        let file = self.file.as_str();
        let lock = match &self.outcome {
            Compiled::Written { objects, migrations, replayed, server, unmodeled, notes } => LockPart {
                file,
                objects: Some(*objects),
                migrations: Some(*migrations),
                replayed: Some(*replayed),
                server_version: Some(server),
                unmodeled: Some(unmodeled),
                notes,
                stale: None,
            },
            Compiled::Checked { stale } => LockPart { file, stale: Some(stale), ..LockPart::default() },
        };
        Body { lock }.serialize(serializer)
    }
}
