//! What is said of the statements that cannot be loaded.

use super::Waiting;
use super::circle;
use super::scripts::SqlScript;
use crate::error::{ErrorCode, Failure};

/// The number of errors that a message shows.
const MOST_SHOWN: usize = 3;

/// Sorts the causes before their consequences: a missing name may only wait for a statement that fails for a reason
/// of its own.
pub(super) fn load_failure(scripts: &[SqlScript<'_>], waiting: &[Waiting]) -> Failure {
    if let Some(circle) = circle::failure(scripts, waiting) {
        return circle;
    }
    let mut order: Vec<&Waiting> = waiting.iter().collect();
    order.sort_by_key(|item| item.error.is_missing_name());
    let all: Vec<Failure> = order
        .iter()
        .take(MOST_SHOWN)
        .map(|item| {
            let script = &scripts[item.script];
            item.error
                .in_statement(script.path, &script.statements[item.statement])
                .code(ErrorCode::SCHEMA_INVALID)
        })
        .collect();
    let mut what = all.iter().map(|failure| failure.what.as_str()).collect::<Vec<_>>().join("\n");
    if order.len() > MOST_SHOWN {
        what.push_str(&format!(
            "\nand {} more statements that could not be loaded",
            order.len() - MOST_SHOWN
        ));
    }
    Failure::usage(what).code(ErrorCode::SCHEMA_INVALID)
}
