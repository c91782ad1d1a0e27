//! The names of migration files, and what to do with the names that other tools give.

const SUFFIX: &str = ".sql";

/// The parts of a migration's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    /// The version.
    pub(super) version: i64,
    /// What follows `__`, without the suffix.
    pub(super) name: String,
    /// Whether it is a down script.
    pub(super) down: bool,
}

impl FileName {
    /// Reads the name of a file; `None` where it is no migration.
    ///
    /// # Errors
    /// What is wrong with the name, as a clause.
    pub(super) fn read(file: &str) -> Result<Option<Self>, String> {
        if Self::is_of_rust(file) {
            return Err("a migration written in Rust; trueup runs SQL".to_owned());
        }
        if !file.to_lowercase().ends_with(SUFFIX) {
            return Ok(None);
        }
        let wrong = || format!("not a migration's name: {}", Self::advice(file));
        Self::parse(file).map(Some).ok_or_else(wrong)
    }

    /// Reads `V<version>__<name>.sql` or `V<version>__<name>.down.sql`.
    fn parse(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(SUFFIX)?;
        let (stem, down) = stem.strip_suffix(".down").map_or((stem, false), |stem| (stem, true));
        let (version, name) = parse_stem(stem)?;
        Some(Self { version, name: name.to_owned(), down })
    }

    /// Whether it is the name of a migration that an application compiles in.
    fn is_of_rust(file: &str) -> bool {
        let stem = file.len().checked_sub(3).and_then(|end| file.split_at_checked(end));
        stem.is_some_and(|(stem, suffix)| suffix.eq_ignore_ascii_case(".rs") && parse_stem(stem).is_some())
    }

    /// What to do with a file of another name; its suffix is `.sql`, however it is spelled.
    fn advice(file: &str) -> String {
        let stem = &file[..file.len().saturating_sub(SUFFIX.len())];
        let (stem, suffix) = match stem.rsplit_once('.') {
            Some((stem, "up")) => (stem, ".sql"),
            Some((stem, "down")) => (stem, ".down.sql"),
            _ => (stem, ".sql"),
        };
        let (kind, rest) = match stem.split_at_checked(1) {
            Some((kind @ ("V" | "v" | "U" | "B" | "R"), rest)) => (kind, rest),
            _ => ("", stem),
        };
        if kind == "R" && rest.starts_with("__") {
            return "trueup has no repeatable migrations: put the definition into schema/, and every change of it into a \
                    migration with a version of its own"
                .to_owned();
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (version, name) = rest.split_at(digits);
        let fraction = name.strip_prefix(['.', '_']).is_some_and(|next| {
            let digits = next.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && next[digits..].starts_with(['.', '_'])
        });
        if fraction && name.contains("__") {
            return "a version is a whole number: number the migrations again in the same order, with room between them \
                    (V1 as V100, V1.1 as V101)"
                .to_owned();
        }
        let suffix = if kind == "U" { ".down.sql" } else { suffix };
        match rename(version, name, suffix) {
            Some(name) => format!("rename it {name}"),
            None => "give it a version and a name".to_owned(),
        }
    }
}

/// The name that a file of this version is to have.
fn rename(version: &str, name: &str, suffix: &str) -> Option<String> {
    let version: i64 = version.parse().ok()?;
    let word = |found: char| if is_word(found) { found } else { '_' };
    let name: String = name.trim_start_matches(['_', '-', '.', ' ']).chars().map(word).collect();
    (!name.is_empty()).then(|| format!("V{version}__{name}{suffix}"))
}

fn is_word(found: char) -> bool {
    found.is_alphabetic() || found.is_ascii_digit() || found == '_'
}

fn parse_stem(stem: &str) -> Option<(i64, &str)> {
    let (version, name) = stem.strip_prefix('V')?.split_once("__")?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty() && name.chars().all(is_word)).then_some(())?;
    Some((version.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_told_what_to_become() {
        for (file, words) in [
            ("V1.1__a.sql", "a version is a whole number"),
            ("V1_1__a.sql", "a version is a whole number"),
            ("V2.0.1__a.sql", "a version is a whole number"),
            ("R__views.sql", "no repeatable migrations"),
            ("U1__a.sql", "rename it V1__a.down.sql"),
            ("B3__base.sql", "rename it V3__base.sql"),
            ("V1__a.up.sql", "rename it V1__a.sql"),
            ("000002_add-users.up.sql", "rename it V2__add_users.sql"),
            ("000002_add-users.down.sql", "rename it V2__add_users.down.sql"),
            ("20260102030405_create.sql", "rename it V20260102030405__create.sql"),
            ("V1_a.sql", "rename it V1__a.sql"),
            ("1__a.sql", "rename it V1__a.sql"),
            ("V1__a.SQL", "rename it V1__a.sql"),
            ("V1__it's.sql", "rename it V1__it_s.sql"),
            ("V1__.sql", "give it a version and a name"),
            ("users.sql", "give it a version and a name"),
            ("V9223372036854775808__a.sql", "give it a version and a name"),
            ("é.sql", "give it a version and a name"),
        ] {
            let advice = FileName::advice(file);
            assert!(advice.contains(words), "{file}: {advice}");
            if let Some(name) = advice.strip_prefix("rename it ") {
                assert!(FileName::parse(name).is_some(), "{file}: {name}");
            }
        }
    }
}
