//! What every JSON document begins with, whatever the command: the shape's version, who wrote it, and how it ended.

use std::fmt;

use serde::Serialize;

use super::document::FORMAT;
use crate::error::Exit;

#[derive(Serialize)]
struct Envelope<'a, T> {
    format: u32,
    trueup: &'a str,
    command: Option<&'a str>,
    run: &'a str,
    outcome: &'a str,
    exit_code: u8,
    #[serde(flatten)]
    body: &'a T,
}

/// One document, with a newline at its end. The command is missing where the arguments name none.
pub(super) fn sealed<T: Serialize>(command: Option<&str>, run: &str, exit: Exit, body: &T) -> String {
    let envelope = Envelope {
        format: FORMAT,
        trueup: env!("CARGO_PKG_VERSION"),
        command,
        run,
        outcome: exit.outcome(),
        exit_code: exit.code(),
        body,
    };
    let mut text = serde_json::to_string_pretty(&envelope).expect("strings and numbers serialise");
    text.push('\n');
    text
}

/// What writes itself, as text.
pub(super) fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out);
    out
}
