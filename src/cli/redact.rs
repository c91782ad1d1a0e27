//! Keeping the URLs of the arguments out of errors, clap's and trueup's own, which quote what they did not understand; and
//! finding a password where no argument takes one.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use super::Secret;
use crate::text::holds_password;

/// What stands behind `://` in any argument, to be taken out of a text.
#[derive(Clone)]
pub struct Redactor {
    tails: Vec<String>,
}

impl Redactor {
    /// Notes the URLs among the arguments.
    pub fn new(args: &[OsString]) -> Self {
        let mut tails: Vec<String> = args
            .iter()
            .flat_map(|arg| {
                let arg = arg.to_string_lossy();
                let tail = arg.split_once("://").map_or("", |(_, tail)| tail);
                // clap cuts an argument that looks like a flag at its `=`.
                let head = tail.split('=').next().unwrap_or_default();
                [tail, head].map(|part| if part.is_empty() { String::new() } else { format!("://{part}") })
            })
            .filter(|tail| !tail.is_empty())
            .collect();
        // The longest first: one URL may be the beginning of another.
        tails.sort_by_key(|tail| std::cmp::Reverse(tail.len()));
        Self { tails }
    }

    /// The text without them.
    pub fn redact(&self, text: &str) -> String {
        self.tails.iter().fold(text.to_owned(), |text, tail| text.replace(tail.as_str(), "://..."))
    }
}

/// The argument that has a password as its value and is not made for one, as usage shows it: `--env <NAME>`. Whatever it
/// was meant to be, it would be shown, and recorded in the database.
pub fn misplaced_password(matches: &ArgMatches, definition: &Command) -> Option<String> {
    let misplaced = |id: &str| {
        // The types of a Secret are those that take a URL.
        let takes_one = matches.try_get_many::<Secret>(id).is_ok();
        let mut values = matches.try_get_raw(id).ok().flatten().into_iter().flatten();
        !takes_one && values.any(|value| holds_password(&value.to_string_lossy()))
    };
    if let Some(id) = matches.ids().find(|id| misplaced(id.as_str())) {
        let argument = definition.get_arguments().find(|argument| argument.get_id() == id);
        return Some(argument.map_or_else(|| id.to_string(), ToString::to_string));
    }
    let (name, matches) = matches.subcommand()?;
    misplaced_password(matches, definition.find_subcommand(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What clap makes of such arguments is tested where they are read, with the commands.
    #[test]
    fn f53_no_part_of_a_url_stays() {
        let args =
            ["--database-url=postgres://a:canary@b/c", "-xpostgres://a:canary@b/c=3"].map(OsString::from);
        let redactor = Redactor::new(&args);
        for text in ["'postgres://a:canary@b/c'", "-xpostgres://a:canary@b/c", "://a:canary@b/c=3"] {
            assert!(!redactor.redact(text).contains("canary"), "{text}");
        }
    }
}
