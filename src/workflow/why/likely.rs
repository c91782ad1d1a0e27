//! Names that are like one that there is not.

/// The most that are named.
const MOST: usize = 3;
/// How alike a name must be (Jaro-Winkler).
const ALIKE: f64 = 0.86;

/// The names that are like this one, the likeliest first. Names that differ in upper and lower case alone come first: they were
/// written with quotes, or without them.
pub(super) fn likely<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut found: Vec<(f64, &str)> = known
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| (likeness(&wanted, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    found.sort_by(|(a, name), (b, other)| b.total_cmp(a).then_with(|| name.cmp(other)));
    found.dedup_by(|(_, name), (_, other)| name == other);
    // Nothing else is meant where a name differs in upper and lower case alone.
    if found.iter().any(|(_, name)| name.to_lowercase() == wanted) {
        found.retain(|(_, name)| name.to_lowercase() == wanted);
    }
    found.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

fn likeness(wanted: &str, other: &str) -> f64 {
    if wanted.replace('_', "") == other.replace('_', "") { 1.0 } else { strsim::jaro_winkler(wanted, other) }
}

/// The names of tables that an application's class may have: `User` is `user`, `users`, `accounts_user`.
pub(super) fn is_table_of(class: &str, table: &str) -> bool {
    let mut snake = String::new();
    for (at, character) in class.rsplit(['.', ':']).next().unwrap_or(class).char_indices() {
        if character.is_uppercase() && at > 0 && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    let plurals = [snake.clone(), format!("{snake}s"), format!("{snake}es")]
        .into_iter()
        .chain(snake.strip_suffix('y').map(|stem| format!("{stem}ies")))
        .chain(snake.strip_suffix("person").map(|stem| format!("{stem}people")));
    let table = table.to_lowercase();
    // Django puts the name of the app before the name without underscores.
    let joined = snake.replace('_', "");
    plurals.into_iter().any(|name| table == name || table.ends_with(&format!("_{name}")))
        || table.ends_with(&format!("_{joined}"))
        || table == joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first() {
        let known = ["local", "email", "lo_cale", "created_at"];
        assert_eq!(likely("locale", known), ["lo_cale", "local"]);
        assert_eq!(likely("locale", known.into_iter().chain(["Locale"])), ["Locale"]);
        assert!(likely("zzz", known).is_empty());
    }

    #[test]
    fn classes_have_their_tables() {
        for (class, table) in [
            ("User", "users"),
            ("ApiKey", "api_keys"),
            ("app.models.Category", "categories"),
            ("ApiKey", "accounts_apikey"),
            ("User", "accounts_user"),
            ("Billing::Invoice", "invoices"),
            ("Person", "people"),
        ] {
            assert!(is_table_of(class, table), "{class} {table}");
        }
        assert!(!is_table_of("NoneType", "users"));
        assert!(!is_table_of("User", "superusers"));
    }
}
