//! What of a sentence is there to be pasted: a command of trueup, a statement of SQL. It stays on one line.

/// The words with which a statement begins.
const VERBS: [&str; 18] = [
    "ALTER", "ANALYZE", "CREATE", "DELETE", "DROP", "GRANT", "INSERT", "REASSIGN", "REFRESH", "REINDEX",
    "RESET", "REVOKE", "SELECT", "SET", "UPDATE", "VACUUM", "VALIDATE", "WITH",
];

/// What the words so far are in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Prose,
    /// A command, and whether its last word is an option, which may have a value.
    Command {
        option: bool,
    },
    Statement,
}

/// For every word of a line, whether it belongs to the same command or statement as the word before it.
pub(super) fn belonging(words: &[&str]) -> Vec<bool> {
    let mut inside = Inside::Prose;
    let mut quotation = None;
    let mut before = "";
    let mut belong = Vec::with_capacity(words.len());
    for (position, word) in words.iter().enumerate() {
        let next = words.get(position + 1).copied().unwrap_or_default();
        let continues = quotation.is_some()
            || match inside {
                Inside::Prose => false,
                Inside::Statement => true,
                Inside::Command { option } => before == "trueup" || is_argument(word, option),
            };
        belong.push(continues);
        if !continues {
            inside = begun_by(word, before, next);
        } else if let Inside::Command { .. } = inside {
            inside = Inside::Command { option: word.starts_with('-') };
        }
        if inside != Inside::Prose {
            quotation = open_quotation(word, quotation);
        }
        if quotation.is_none() && ends(word, inside) {
            inside = Inside::Prose;
        }
        before = word.trim_start_matches(['(', '`']);
    }
    belong
}

/// What a word begins, between these.
fn begun_by(word: &str, before: &str, next: &str) -> Inside {
    let word = word.trim_start_matches(['(', '`']);
    let begins_clause = before.is_empty() || before.ends_with([':', ';']) || before == "run";
    let is_shouted = next.bytes().all(|byte| byte.is_ascii_uppercase() || !byte.is_ascii_alphabetic());
    if word == "trueup" {
        Inside::Command { option: false }
    } else if begins_clause && VERBS.contains(&word) && is_shouted && !next.is_empty() {
        Inside::Statement
    } else {
        Inside::Prose
    }
}

/// Whether a word behind a command is one of its arguments: an option, what follows one, a placeholder, a version, a name
/// that no word of a sentence looks like.
fn is_argument(word: &str, behind_option: bool) -> bool {
    let bare = word.trim_end_matches([',', ';', ':', '.', ')', '`']);
    behind_option
        || bare.starts_with(['-', '\'', '"'])
        || bare.starts_with(|first: char| first.is_ascii_digit())
        || bare.len() > 1 && bare.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        || bare.contains(['_', '/', '='])
}

/// Whether a command or statement ends with this word.
fn ends(word: &str, inside: Inside) -> bool {
    match inside {
        Inside::Prose => false,
        Inside::Statement => word.ends_with(';'),
        Inside::Command { .. } => word.ends_with([',', ';', ':', ')', '`']),
    }
}

/// Which quotation mark is open after a word of a command or statement.
fn open_quotation(word: &str, open: Option<char>) -> Option<char> {
    word.chars().fold(open, |open, found| match (open, found) {
        (None, '"' | '\'') => Some(found),
        (Some(mark), found) if mark == found => None,
        (open, _) => open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces that stay on one line, those of one word left out.
    fn pasted(text: &str) -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let mut pieces: Vec<String> = Vec::new();
        for (word, belongs) in words.iter().zip(belonging(&words)) {
            match pieces.last_mut().filter(|_| belongs) {
                Some(last) => *last = format!("{last} {word}"),
                None => pieces.push((*word).to_owned()),
            }
        }
        pieces.retain(|piece| piece.contains(' '));
        pieces
    }

    #[test]
    fn commands_are_found_with_their_arguments() {
        for (text, found) in [
            ("trueup status shows how far it came", &["trueup status"][..]),
            (
                "trueup resolve 3 --as applied --reason TEXT; or, to run it again, remove it",
                &["trueup resolve 3 --as applied --reason TEXT;"],
            ),
            ("run `trueup upgrade --contract` when no old code runs", &["`trueup upgrade --contract`"]),
            (
                "go on: trueup upgrade, or (last resort) trueup restore latest_one --replace",
                &["trueup upgrade,", "trueup restore latest_one --replace"],
            ),
            (
                "trueup adopt --accept-drift 'public.my table'; or not",
                &["trueup adopt --accept-drift 'public.my table';"],
            ),
            ("check the target: is it this one?", &[]),
        ] {
            assert_eq!(pasted(text), found, "{text}");
        }
    }

    #[test]
    fn statements_are_found_to_their_end() {
        for (text, found) in [
            (
                "as its owner: GRANT CONNECT ON DATABASE app TO reader",
                &["GRANT CONNECT ON DATABASE app TO reader"][..],
            ),
            ("run there: DROP TABLE a; DROP TABLE \"b; c\";", &["DROP TABLE a;", "DROP TABLE \"b; c\";"]),
            (
                "CREATE INDEX CONCURRENTLY a ON b (c); then the same command",
                &["CREATE INDEX CONCURRENTLY a ON b (c);"],
            ),
            ("GRANT it to the role; SELECT is enough", &[]),
        ] {
            assert_eq!(pasted(text), found, "{text}");
        }
    }
}
