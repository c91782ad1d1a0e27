//! What `trueup compile` says.

use std::fmt::Write as _;

use serde::Serialize;

use super::document::Format;
use super::envelope::sealed;
use super::escape::escape;
use super::style::Style;
use crate::error::Exit;

/// What came of compiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileReport {
    /// The run's ULID.
    pub run: String,
    /// The exit code.
    pub exit: Exit,
    /// The lock file, as people name it.
    pub file: String,
    /// What was done.
    pub outcome: Compiled,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiled {
    /// The lock file was written.
    Written {
        /// Objects of the model.
        objects: usize,
        /// Migrations replayed.
        migrations: usize,
        /// The version of the server that compiled.
        server: String,
        /// Objects that trueup does not model: kind and name.
        unmodeled: Vec<String>,
    },
    /// It was looked at.
    Checked {
        /// Why it is out of date; empty when it is not.
        stale: Vec<String>,
    },
}

impl CompileReport {
    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Json => self.document(),
            Format::Human if style.quiet && self.exit == Exit::Clean => String::new(),
            Format::Human | Format::Markdown => self.text(),
        }
    }

    fn text(&self) -> String {
        let file = escape(&self.file);
        let mut text = String::new();
        match &self.outcome {
            Compiled::Written { objects, migrations, server, unmodeled } => {
                let _ = writeln!(
                    text,
                    "{file}: {objects} objects, {migrations} migrations, compiled by PostgreSQL {server}"
                );
                for other in unmodeled {
                    let _ = writeln!(text, "not modelled: {}", escape(other));
                }
            }
            Compiled::Checked { stale } if stale.is_empty() => {
                let _ = writeln!(text, "{file} is up to date");
            }
            Compiled::Checked { stale } => {
                let _ = writeln!(text, "{file} is stale:");
                for reason in stale {
                    let _ = writeln!(text, "  {}", escape(reason));
                }
                text.push_str("next: trueup compile\n");
            }
        }
        text
    }

    fn document(&self) -> String {
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
            server_version: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unmodeled: Option<&'a [String]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stale: Option<&'a [String]>,
        }
        let file = self.file.as_str();
        let lock = match &self.outcome {
            Compiled::Written { objects, migrations, server, unmodeled } => LockPart {
                file,
                objects: Some(*objects),
                migrations: Some(*migrations),
                server_version: Some(server),
                unmodeled: Some(unmodeled),
                stale: None,
            },
            Compiled::Checked { stale } => LockPart { file, stale: Some(stale), ..LockPart::default() },
        };
        sealed(Some("compile"), &self.run, self.exit, &Body { lock })
    }
}
