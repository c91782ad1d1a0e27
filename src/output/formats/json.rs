//! One JSON document: what every document begins with, then the report.

use serde::Serialize;

use crate::output::report::{Envelope, FORMAT};

#[derive(Serialize)]
struct Document<'a, T> {
    format: u32,
    trueup: &'a str,
    command: Option<&'a str>,
    run: &'a str,
    outcome: &'a str,
    exit_code: u8,
    #[serde(flatten)]
    body: &'a T,
}

/// The document, with a newline at its end.
pub(in crate::output) fn render(envelope: Envelope<'_>, body: &impl Serialize) -> String {
    let document = Document {
        format: FORMAT,
        trueup: env!("CARGO_PKG_VERSION"),
        command: envelope.command,
        run: envelope.run,
        outcome: envelope.exit.outcome(),
        exit_code: envelope.exit.code(),
        body,
    };
    let mut text = serde_json::to_string_pretty(&document).expect("strings and numbers serialise");
    text.push('\n');
    text
}
