//! What a program prints, without what differs from run to run.

/// The text with the sentence about the backup on one line: where it is wrapped depends on a size that was measured.
pub(crate) fn unwrapped(text: &str) -> String {
    let mut joined: Vec<String> = Vec::new();
    for line in text.lines() {
        match (joined.last_mut(), line.strip_prefix("  ")) {
            (Some(before), Some(rest)) if before.starts_with("backup first: ") => {
                before.push(' ');
                before.push_str(rest);
            }
            _ => joined.push(line.to_owned()),
        }
    }
    joined.join("\n")
}

/// A line without identifiers, moments, durations and sizes.
pub(crate) fn steady(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut told: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let core = word.trim_matches(|around: char| "(),;:".contains(around));
        let unit = words.get(at + 1).map(|next| next.trim_matches(|around: char| "(),;:".contains(around)));
        // 1 min 5 s in one run, 50 s in another.
        if is_number(core) && unit == Some("min") || core == "min" {
            continue;
        }
        // 7 ms in one run, 1.2 s in another.
        let becomes = if is_identifier(core) {
            "ID"
        } else if is_moment(core) {
            "MOMENT"
        } else if is_number(core) && matches!(unit, Some("ms" | "s" | "kB" | "MB" | "rows/s")) {
            "N"
        } else if told.last().is_some_and(|before| before.ends_with('N')) && core == "ms" {
            "s"
        } else if told.last().is_some_and(|before| before.ends_with('N')) && core == "kB" {
            "MB"
        } else {
            core
        };
        told.push(if becomes == core { (*word).to_owned() } else { word.replacen(core, becomes, 1) });
    }
    told.join(" ")
}

/// A ULID in whole or short, a UUID, a system identifier.
pub(crate) fn is_identifier(word: &str) -> bool {
    let of = |length: usize, known: fn(u8) -> bool| word.len() == length && word.bytes().all(known);
    let ulid: fn(u8) -> bool = |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    word.starts_with('0') && (of(26, ulid) || of(10, ulid))
        || word.matches('-').count() == 4 && of(36, |byte| byte.is_ascii_hexdigit() || byte == b'-')
        || of(19, |byte| byte.is_ascii_digit())
}

/// `2026-11-26T15:51:39Z`
fn is_moment(word: &str) -> bool {
    word.len() == 20 && word.ends_with('Z') && word.starts_with("20") && word.contains('T')
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
