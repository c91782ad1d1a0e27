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
    use clap::Parser as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn f53_clap_quotes_no_password() {
        let url = "postgres://app:canary@db/x";
        for args in [
            vec!["trueup", "check", url],
            vec!["trueup", url],
            vec!["trueup", "check", "--format", url],
            vec!["trueup", "check", "--database-urk", url],
            vec!["trueup", "check", "--format=postgres://app:canary@db/x"],
            vec!["trueup", "check", "--database-url=postgres://app:canary@db/x", "--nope"],
            vec!["trueup", "check", "-xpostgres://app:canary@db/x"],
            vec!["trueup", "check", "--postgres://app:canary@db/x=3"],
        ] {
            let raw: Vec<OsString> = args.iter().map(OsString::from).collect();
            let error = Cli::try_parse_from(&raw).unwrap_err().to_string();
            let shown = Redactor::new(&raw).redact(&error);
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
