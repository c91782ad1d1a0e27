//! What extended statistics cover, as it is printed.

use super::words_of;

/// Whether two prints name the same kinds of statistics and the same columns: the server prints columns in the order in which the
/// table has got them.
pub fn covers_alike(a: &str, b: &str) -> bool {
    covered(a).is_some_and(|covers| covered(b) == Some(covers))
}

/// The kinds, and the columns in the order of their names; `None` where it is something else than a list of columns.
fn covered(text: &str) -> Option<(&str, Vec<&str>)> {
    let (kinds, columns) = text.split_once("ON ")?;
    let is_kinds = kinds.is_empty() || kinds.starts_with('(') && kinds.ends_with(") ");
    let mut names: Vec<&str> = words_of(columns).collect();
    let is_list = names.join(", ") == columns;
    names.sort_unstable();
    (is_kinds && is_list).then_some((kinds, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_columns_means_nothing() {
        assert!(covers_alike("ON a, \"b, c\"", "ON \"b, c\", a"));
        assert!(covers_alike("(ndistinct) ON a, b", "(ndistinct) ON b, a"));
        assert!(!covers_alike("(ndistinct) ON a, b", "ON b, a"));
        assert!(!covers_alike("ON a, b", "ON a, c"));
        assert!(!covers_alike("ON lower(a), b", "ON b, lower(a)"));
        assert!(!covers_alike("(a > 'ON b')", "(b > 'ON a')"));
    }
}
