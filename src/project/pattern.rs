//! Patterns for names. `*` matches any text including dots, `?` matches one character, and every other character
//! matches itself; case matters.

/// A list of patterns. A name matches the list when it matches one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// A list of these patterns.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the patterns matches the whole name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }

    /// The patterns in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Whether the pattern matches the whole name.
///
/// The time is at worst the length of the pattern times that of the name, because only the last `*` is tried again.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at_pattern, mut at_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => {
                let Some((star_pattern, star_name)) = star else { return false };
                star = Some((star_pattern, star_name + 1));
                at_pattern = star_pattern + 1;
                at_name = star_name + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_cross_dots_and_case_counts() {
        for (pattern, name) in [
            ("public.users", "public.users"),
            ("public.*", "public.users.email"),
            ("*", ""),
            ("*.users", "public.users"),
            ("p?blic.*s", "public.users"),
            ("*a*b", "xaxbxab"),
            ("**", "x"),
            ("?", "ü"),
            ("public.f(*)", "public.f(bigint, text)"),
            ("public.\"a b\"", "public.\"a b\""),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("public.users", "public.users2"),
            ("public.users", "Public.users"),
            ("", "x"),
            ("?", ""),
            ("*b", "ba"),
            ("[a-z]", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    fn obvious(pattern: &[char], name: &[char]) -> bool {
        match (pattern.first(), name.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                obvious(&pattern[1..], name) || (!name.is_empty() && obvious(pattern, &name[1..]))
            }
            (Some('?'), Some(_)) => obvious(&pattern[1..], &name[1..]),
            (Some(wanted), Some(found)) => wanted == found && obvious(&pattern[1..], &name[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let (wanted, found): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), obvious(&wanted, &found));
        }
    }
}
