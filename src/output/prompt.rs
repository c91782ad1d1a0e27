//! The questions before a database is changed, on standard error, at a terminal only.
//!
//! dialoguer writes the question. The answer is a whole line that the terminal itself lets people edit: dialoguer's own
//! prompts read key by key, for which they take the terminal out of its line mode. A single key would be an answer, Ctrl-D
//! would not end the input, and a signal would leave the terminal without an echo.

use std::io::{self, BufRead as _};

use dialoguer::theme::{SimpleTheme, Theme as _};
use nix::sys::termios::{FlushArg, tcflush};

use super::console;
use super::escape::escape;

/// Asks for yes or no. Enter alone is no. Any other answer is asked for once more, and then is no.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the input ends; others when the terminal is gone.
pub fn confirm(question: &str) -> io::Result<bool> {
    let mut prompt = String::new();
    // Writing to a String cannot fail.
    let _ = SimpleTheme.format_confirm_prompt(&mut prompt, &escape(question), Some(false));
    if let Some(answer) = meaning(&line(&prompt)?) {
        return Ok(answer);
    }
    let again = line("please type yes or no, and press Enter: ")?;
    Ok(meaning(&again).unwrap_or(false))
}

/// Asks for a text to be typed, and returns it without the white space around it.
///
/// # Errors
/// As [`confirm`].
pub fn read_text(question: &str) -> io::Result<String> {
    let mut prompt = String::new();
    let _ = SimpleTheme.format_input_prompt(&mut prompt, &escape(question), None);
    if !prompt.ends_with(' ') {
        prompt.push(' ');
    }
    Ok(line(&prompt)?.trim().to_owned())
}

/// What an answer means; `None` when it is neither yes nor no.
fn meaning(answer: &str) -> Option<bool> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

/// Shows a prompt and reads one line. What was typed before the prompt is thrown away: it cannot be an answer to it.
fn line(prompt: &str) -> io::Result<String> {
    let mut stdin = io::stdin().lock();
    tcflush(&stdin, FlushArg::TCIFLUSH)?;
    console::err(prompt);
    let mut line = Vec::new();
    stdin.read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_yes_in_full_or_by_its_letter_and_nothing_else_is() {
        for yes in ["y\n", "Y\n", "yes\n", "YES\r\n", "  Yes \n"] {
            assert_eq!(meaning(yes), Some(true), "{yes:?}");
        }
        for no in ["\n", "n\n", "No\n", " \n"] {
            assert_eq!(meaning(no), Some(false), "{no:?}");
        }
        for other in ["yy\n", "ye\n", "yes!\n", "j\n", "apply\n", "\u{1b}[Ay\n"] {
            assert_eq!(meaning(other), None, "{other:?}");
        }
    }
}
