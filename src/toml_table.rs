//! Reading one table of a TOML file: typed values, and errors that name file, line and what was expected.
//!
//! The keys that a reader asks for are the keys that exist: [`Section::finish`] refuses every other one and names the
//! nearest.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Failure;

/// A file's name and text: where errors point to.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name as the operator would type it.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at a place of the file.
    pub fn error(&self, span: &Range<usize>, what: impl AsRef<str>) -> Failure {
        Failure::usage(format!("{}:{}: {}", self.name, self.line(span), what.as_ref()))
    }

    /// The line of a place, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).unwrap_or(self.text).matches('\n').count() + 1
    }
}

/// One table, and the keys that were asked for.
pub struct Section<'a, 'i> {
    source: Source<'a>,
    /// The header as written, without brackets: `environments.production`; empty for the top level.
    path: String,
    table: &'a DeTable<'i>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// A table of a file; `path` is its header as written, without brackets, empty for the top level.
    pub fn new(source: Source<'a>, path: impl Into<String>, table: &'a DeTable<'i>) -> Self {
        Self { source, path: path.into(), table, known: RefCell::default() }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.borrow_mut().push(key);
        self.table.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value)
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// An error about the value of a key that was read already.
    pub fn error_at(&self, key: &'static str, what: &str) -> Failure {
        let span = self.value(key).map_or(0..0, Spanned::span);
        self.source.error(&span, format!("{}: {what}", self.key_path(key)))
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'i>>, expected: &str) -> Failure {
        let found = value.get_ref().type_str();
        self.source
            .error(&value.span(), format!("{}: expected {expected}, found {}", self.key_path(key), a(found)))
    }

    /// The value of a key as it stands there.
    pub fn raw(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.value(key)
    }

    /// A value that the reader itself makes sense of.
    ///
    /// # Errors
    /// Exit 2, as everything here.
    pub fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&DeValue<'i>) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(value) = self.value(key) else { return Ok(None) };
        if let Some(read) = read(value.get_ref()) {
            return Ok(Some(read));
        }
        // A string of the wrong shape is quoted back; settings hold names and patterns, never secrets.
        Err(match value.get_ref().as_str() {
            Some(text) => self
                .source
                .error(&value.span(), format!("{}: expected {expected}, found {text:?}", self.key_path(key))),
            None => self.wrong(key, value, expected),
        })
    }

    /// A string that is not empty.
    pub fn string(&self, key: &'static str) -> Result<Option<String>, Failure> {
        self.read(key, "a string that is not empty", |value| {
            value.as_str().filter(|text| !text.trim().is_empty() && !text.contains('\0')).map(str::to_owned)
        })
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &'static str) -> Result<Option<bool>, Failure> {
        self.read(key, "true or false", DeValue::as_bool)
    }

    /// An integer within bounds.
    pub fn integer(
        &self,
        key: &'static str,
        allowed: RangeInclusive<u32>,
        expected: &str,
    ) -> Result<Option<u32>, Failure> {
        self.read(key, expected, |value| {
            let integer = value.as_integer()?;
            let integer = u32::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            allowed.contains(&integer).then_some(integer)
        })
    }

    /// A list of strings that are not empty.
    pub fn strings(&self, key: &'static str) -> Result<Option<Vec<String>>, Failure> {
        const EXPECTED: &str = "a list of strings";
        let Some(value) = self.value(key) else { return Ok(None) };
        let Some(list) = value.get_ref().as_array() else { return Err(self.wrong(key, value, EXPECTED)) };
        let item = |item: &Spanned<DeValue<'i>>| match item.get_ref().as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            Some(_) => Err(self
                .source
                .error(&item.span(), format!("{}: an empty string in the list", self.key_path(key)))),
            None => Err(self.wrong(key, item, EXPECTED)),
        };
        list.iter().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// A table inside this one; a missing one is empty.
    pub fn section(&self, key: &'static str) -> Result<Option<Section<'a, 'i>>, Failure> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref().as_table() {
            Some(table) => Ok(Some(Section::new(self.source, self.key_path(key), table))),
            None => Err(self.wrong(key, value, "a table")),
        }
    }

    /// All entries, whatever they are called: this table's keys are the project's own names.
    pub fn named(&self) -> impl Iterator<Item = Result<(&'a str, Section<'a, 'i>), Failure>> {
        self.table.iter().map(|(key, value)| match value.get_ref().as_table() {
            Some(table) => {
                let name: &'a str = key.get_ref();
                Ok((name, Section::new(self.source, self.key_path(name), table)))
            }
            None => Err(self.wrong(key.get_ref(), value, "a table")),
        })
    }

    /// All entries as strings, each read by `read`, which is given the line too.
    pub fn map<T>(
        &self,
        expected: &str,
        read: impl Fn(&str, usize) -> Option<T>,
    ) -> Result<Vec<(String, T)>, Failure> {
        self.table
            .iter()
            .map(|(key, value)| {
                match value.get_ref().as_str().and_then(|text| read(text, self.source.line(&key.span()))) {
                    Some(read) => Ok((key.get_ref().to_string(), read)),
                    None => Err(self.wrong(key.get_ref(), value, expected)),
                }
            })
            .collect()
    }

    /// Refuses the keys that nobody asked for.
    pub fn finish(self) -> Result<(), Failure> {
        let known = self.known.borrow();
        let Some((key, _)) = self.table.iter().find(|(key, _)| !known.contains(&&**key.get_ref())) else {
            return Ok(());
        };
        let place = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
        let what = format!("unknown key {:?}{place}", key.get_ref());
        let error = self.source.error(&key.span(), what);
        Err(error.next(match nearest(key.get_ref(), known.iter().copied()) {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => format!("known here: {}", known.join(", ")),
        }))
    }
}

/// The candidate that a mistyped word most likely meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len() / 4)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `a string`, `an integer`.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
