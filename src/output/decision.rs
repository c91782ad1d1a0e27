//! A person's decision about a database: what is going to be recorded, shown before it is asked for, and what was.

use std::fmt::{self, Write};

use serde::Serialize;

use super::document::{Format, MigrationName, Target};
use super::envelope::sealed;
use super::escape::{escape as line, escape_lines as text};
use super::markdown;
use super::style::Style;
use crate::error::Exit;
use crate::writer::Mark;

/// A decision about a database.
#[derive(Debug, Clone)]
pub struct DecisionReport {
    /// The run's ULID.
    pub run: String,
    /// The command.
    pub command: &'static str,
    /// The exit code.
    pub exit: Exit,
    /// The database.
    pub target: Target,
    /// What it is about.
    pub subject: Subject,
    /// What shows of it and what does not.
    pub notes: Vec<String>,
    /// Two texts, side by side.
    pub diff: Option<String>,
    /// What is, or was, recorded, in words. Empty when it is so already.
    pub records: Vec<String>,
    /// What came of it, in one sentence.
    pub verdict: String,
    /// What to run next.
    pub next: Option<String>,
}

/// What a decision is about.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A migration.
    Migration {
        /// Which.
        #[serde(flatten)]
        name: MigrationName,
        /// What became of it: `applied`, `not-applied`, `accept-edit`.
        decision: &'static str,
        /// Why.
        reason: String,
    },
    /// The environment mark.
    Mark {
        /// As it was.
        before: Option<Mark>,
        /// As it is.
        after: Option<Mark>,
    },
}

impl DecisionReport {
    /// What is going to be recorded, for a terminal.
    pub fn proposal(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.body(style, "will be recorded", &mut out);
        out
    }

    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = match format {
            Format::Human => self.human(style, &mut out),
            Format::Json => self.json(&mut out),
            Format::Markdown => self.markdown(&mut out),
        };
        out
    }

    fn body(&self, style: Style, title: &str, out: &mut String) -> fmt::Result {
        let Target { host, port, database, role, system_identifier, .. } = &self.target;
        let place = if host.starts_with('/') { host.clone() } else { format!("{host}:{port}") };
        let place =
            format!("database {database} on {place} as {role}, system identifier {system_identifier}");
        writeln!(out, "{}", line(&place))?;
        for note in &self.notes {
            writeln!(out, "{}", text(note))?;
        }
        if let Some(diff) = &self.diff {
            write!(out, "{}", text(diff))?;
        }
        if !self.records.is_empty() {
            writeln!(out, "{}", style.bold(title))?;
        }
        for record in &self.records {
            writeln!(out, "  {}", line(record))?;
        }
        Ok(())
    }

    fn human(&self, style: Style, out: &mut String) -> fmt::Result {
        if !style.quiet {
            self.body(style, "recorded", out)?;
        }
        writeln!(out, "{}", style.bold(&style.green(&line(&self.verdict))))?;
        if let Some(next) = &self.next {
            writeln!(out, "next: {}", line(next))?;
        }
        Ok(())
    }

    fn markdown(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "## trueup {}: {}\n", self.command, markdown::cell(&self.verdict))?;
        for record in &self.records {
            writeln!(out, "- {}", markdown::cell(record))?;
        }
        if let Some(diff) = &self.diff {
            writeln!(out, "\n```diff\n{}```", text(diff))?;
        }
        for note in &self.notes {
            writeln!(out, "\nNote: {}", markdown::cell(note))?;
        }
        if let Some(next) = &self.next {
            writeln!(out, "\nNext: {}", markdown::code(next))?;
        }
        Ok(())
    }

    fn json(&self, out: &mut String) -> fmt::Result {
        #[derive(Serialize)]
        struct Body<'a> {
            target: &'a Target,
            #[serde(flatten)]
            subject: &'a Subject,
            recorded: &'a [String],
            notes: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            diff: &'a Option<String>,
            verdict: &'a str,
        }
        let body = Body {
            target: &self.target,
            subject: &self.subject,
            recorded: &self.records,
            notes: &self.notes,
            diff: &self.diff,
            verdict: &self.verdict,
        };
        out.push_str(&sealed(Some(self.command), &self.run, self.exit, &body));
        Ok(())
    }
}
