//! Keeping passwords out of clap's error messages, which quote the argument they did not understand.

use std::ffi::OsString;

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
