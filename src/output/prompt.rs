//! The questions before a database is changed, on standard error, at a terminal only.

use std::io;

use dialoguer::{Confirm, Input};

use super::escape::escape;

/// Asks for yes or no; no is what Enter means.
///
/// # Errors
/// When the terminal is gone.
pub fn confirm(question: &str) -> io::Result<bool> {
    Confirm::new()
        .with_prompt(escape(question).into_owned())
        .default(false)
        .interact()
        .map_err(|dialoguer::Error::IO(error)| error)
}

/// Asks for a text to be typed, and returns it.
///
/// # Errors
/// When the terminal is gone.
pub fn typed(question: &str) -> io::Result<String> {
    Input::new()
        .with_prompt(escape(question).into_owned())
        .allow_empty(true)
        .interact_text()
        .map_err(|dialoguer::Error::IO(error)| error)
}
