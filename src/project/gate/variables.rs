//! The values of the variables that a gate requires, and whatever else must not be shown of the environment.

use super::around::RequiredVariable;
use crate::cli::Secret;
use crate::text::without_passwords;

/// A required variable as the environment has it. The value is never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredValue {
    /// What is required.
    pub required: RequiredVariable,
    value: Option<Result<Secret, NotText>>,
}

/// The value is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotText;

/// What a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableState {
    /// It is set, and its value matches the pattern, where there is one.
    Fits,
    /// It is not set, or empty.
    Missing,
    /// Its value is not UTF-8.
    NotText,
    /// Its value does not match the pattern.
    Differs,
}

impl RequiredValue {
    /// Takes the value of a variable, which may be unset.
    pub(in crate::project) fn new(required: RequiredVariable, value: Option<&std::ffi::OsStr>) -> Self {
        let value = value.map(|value| value.to_str().map(Secret::new).ok_or(NotText));
        Self { required, value }
    }

    /// Whether it is as required.
    pub fn state(&self) -> VariableState {
        match &self.value {
            None => VariableState::Missing,
            Some(Err(NotText)) => VariableState::NotText,
            Some(Ok(value)) if self.required.fits(value.reveal()) => VariableState::Fits,
            Some(Ok(_)) => VariableState::Differs,
        }
    }

    pub(in crate::project) fn secret(&self) -> Option<&Secret> {
        self.value.as_ref()?.as_ref().ok()
    }
}

/// Values that no output may show: those of the required variables, and passwords.
#[derive(Debug, Clone, Default)]
pub struct KnownSecrets(Vec<Secret>);

/// A shorter value is no secret, and is part of many words.
const SHORTEST: usize = 4;

impl KnownSecrets {
    /// Takes these values. A value of several lines is known by each of them, too.
    pub fn new<'s>(values: impl IntoIterator<Item = &'s str>) -> Self {
        let parts = values.into_iter().flat_map(|value| std::iter::once(value).chain(value.lines()));
        let mut parts: Vec<&str> = parts.map(str::trim).filter(|part| part.len() >= SHORTEST).collect();
        // The longest first: one may be a part of another.
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self(parts.into_iter().map(Secret::new).collect())
    }

    /// These, and another one.
    #[must_use]
    pub fn and(&self, value: Option<&str>) -> Self {
        Self::new(self.0.iter().map(Secret::reveal).chain(value))
    }

    /// The text with `...` in the place of each.
    pub fn redact(&self, text: &str) -> String {
        let text = without_passwords(text).into_owned();
        self.0.iter().fold(text, |text, secret| text.replace(secret.reveal(), "..."))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_variable_is_judged_without_its_value_being_shown() {
        let required = |pattern: Option<&str>| RequiredVariable {
            name: "REDIS_URL".into(),
            pattern: pattern.map(str::to_owned),
        };
        let state = |pattern, value: Option<&[u8]>| {
            let found = RequiredValue::new(required(pattern), value.map(OsStr::from_bytes));
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            found.state()
        };
        assert_eq!(state(None, None), VariableState::Missing);
        assert_eq!(state(None, Some(b"canary")), VariableState::Fits);
        assert_eq!(state(Some("^rediss://"), Some(b"rediss://canary")), VariableState::Fits);
        assert_eq!(state(Some("^rediss://"), Some(b"redis://canary")), VariableState::Differs);
        assert_eq!(state(None, Some(b"canary\xff")), VariableState::NotText);
    }

    #[test]
    fn no_part_of_a_secret_stays() {
        let known = KnownSecrets::new(["canary", "begin\ncanary two\nend\n", "canary-longer", "1"]);
        let text = "a canary, canary-longer, canary two and 1\npostgres://a:hidden@b/c";
        assert_eq!(known.redact(text), "a ..., ..., ... and 1\npostgres://...");
        assert!(!format!("{known:?}").contains("canary"));
    }
}
