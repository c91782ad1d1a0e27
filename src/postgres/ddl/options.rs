//! Lists of `name=value` settings: the storage parameters of tables and indexes, the options of views, and the attribute
//! options of columns.

use crate::postgres::sql::{identifier, literal};

fn pairs(options: &str) -> Vec<(&str, &str)> {
    let options = options.split(", ").filter(|option| !option.is_empty());
    options.map(|option| option.split_once('=').unwrap_or((option, ""))).collect()
}

fn name(option: &str) -> String {
    option.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

fn printed(options: &[(&str, &str)]) -> String {
    let options = options.iter().map(|(option, value)| {
        let simple = !value.is_empty()
            && value.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.'
            })
            && (value.parse::<f64>().is_ok()
                || identifier(value) == *value
                || matches!(*value, "true" | "false" | "on"));
        format!("{}={}", name(option), if simple { (*value).to_owned() } else { literal(value) })
    });
    options.collect::<Vec<_>>().join(", ")
}

/// ` WITH (...)`, or nothing.
pub(super) fn with(options: Option<&str>) -> String {
    options.map_or(String::new(), |options| format!(" WITH ({})", printed(&pairs(options))))
}

/// The actions of ALTER that turn `actual` into `declared`: `SET (...)`, `RESET (...)`, or both, each after `prefix`.
pub(super) fn actions(prefix: &str, declared: Option<&str>, actual: Option<&str>) -> Vec<String> {
    let (declared, actual) = (pairs(declared.unwrap_or_default()), pairs(actual.unwrap_or_default()));
    let set: Vec<_> = declared.iter().copied().filter(|option| !actual.contains(option)).collect();
    let gone = actual.iter().map(|(option, _)| *option);
    let reset: Vec<_> =
        gone.filter(|option| declared.iter().all(|(kept, _)| kept != option)).map(name).collect();
    let mut actions = Vec::new();
    if !set.is_empty() {
        actions.push(format!("{prefix}SET ({})", printed(&set)));
    }
    if !reset.is_empty() {
        actions.push(format!("{prefix}RESET ({})", reset.join(", ")));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_and_reset_in_one_statement() {
        assert_eq!(with(Some("fillfactor=70, buffering=auto")), " WITH (fillfactor=70, buffering=auto)");
        assert_eq!(with(Some("a=O'x, toast.b=")), " WITH (a='O''x', toast.b='')");
        assert_eq!(actions("", Some("a=1, b=2"), Some("b=3, c=4")), ["SET (a=1, b=2)", "RESET (c)"]);
        assert_eq!(actions("", None, Some("c=4")), ["RESET (c)"]);
    }
}
