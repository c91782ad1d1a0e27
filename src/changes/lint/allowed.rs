//! `-- trueup: allow CODE: reason` above a statement: what a person has looked at and accepted.

use crate::error::{ErrorCode, Failure};
use crate::findings::Finding;
use crate::migrations::script::ExaminedStatement;
use crate::postgres::sql::comments;

use super::rules::rule;

/// The word of the directive.
const ALLOW: &str = "allow";

/// What one script allows.
pub(super) struct Allowances {
    file: String,
    /// The line of the comment, the line of the statement below it, and the code.
    all: Vec<(usize, usize, String)>,
}

impl Allowances {
    /// Reads them.
    ///
    /// # Errors
    /// Exit 2: without a reason, of an unknown code, without a statement below it.
    pub(super) fn read(
        file: &str,
        script: &str,
        statements: &[ExaminedStatement<'_>],
    ) -> Result<Self, Failure> {
        let mut all = Vec::new();
        let refuse = |line: usize, what: &str| {
            Failure::usage(format!("{file}: line {line}: {what}"))
                .code(ErrorCode::MIGRATIONS_INVALID)
                .next("write it above the statement, as: -- trueup: allow blocks.index: the table is small")
        };
        for comment in comments(script) {
            let Some(text) = comment.text.strip_prefix("trueup:").map(str::trim) else { continue };
            let Some(text) = text.strip_prefix(ALLOW).filter(|rest| rest.starts_with(char::is_whitespace))
            else {
                continue;
            };
            let (code, reason) = text.split_once(':').unwrap_or((text, ""));
            let code = code.trim();
            if rule(code).is_none() {
                return Err(refuse(comment.line, &format!("allow: there is no rule `{code}`")));
            }
            if reason.trim().is_empty() {
                return Err(refuse(comment.line, &format!("allow {code}: expected a reason after a colon")));
            }
            let below =
                statements.iter().map(|examined| examined.statement.line).find(|line| *line > comment.line);
            let below = below.ok_or_else(|| refuse(comment.line, "allow: no statement stands below it"))?;
            all.push((comment.line, below, code.to_owned()));
        }
        Ok(Self { file: file.to_owned(), all })
    }

    /// What is not allowed, and what is allowed without need.
    pub(super) fn keep(self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut used = vec![false; self.all.len()];
        let mut kept: Vec<Finding> = Vec::new();
        for finding in findings {
            let line = finding.location.as_ref().map_or(0, |location| location.line);
            let allowed =
                self.all.iter().position(|(_, below, code)| *below == line && *code == finding.code);
            match allowed {
                Some(index) => used[index] = true,
                None => kept.push(finding),
            }
        }
        let unused = self.all.iter().zip(used).filter(|(_, used)| !used);
        kept.extend(unused.map(|((line, _, code), _)| super::rules::unused(&self.file, *line, code)));
        kept
    }
}
