//! Reads a table of a TOML file: typed values, and errors with the file, the line and what was expected.
//!
//! The keys that a reader asks for are the known keys. [`TomlTable::finish`] refuses every other key and names the
//! nearest known one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{ErrorCode, Failure};
use crate::text::holds_password;

/// Where the lines of a text end. A file may have many thousand values, and each of them knows its line.
pub fn line_ends(text: &str) -> Vec<usize> {
    memchr::memchr_iter(b'\n', text.as_bytes()).collect()
}

/// The name of a file and where its lines end, for errors.
#[derive(Debug, Clone, Copy)]
pub struct TomlSource<'a> {
    /// The name as the operator would type it.
    pub name: &'a str,
    /// The [`line_ends`] of its text.
    pub line_ends: &'a [usize],
    /// Where the lines of keys are noted, for those who tell where a value came from.
    pub lines: Option<&'a KeyLines>,
}

/// The lines of the keys that were read and are in the file, by their path: `database.url_env`.
#[derive(Debug, Default)]
pub struct KeyLines(RefCell<BTreeMap<String, usize>>);

impl KeyLines {
    /// Forgets a section.
    pub fn forget(&self, section: &str) {
        let is_of_it = |path: &str| {
            path.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.borrow_mut().retain(|path, _| !is_of_it(path));
    }

    /// The lines by path.
    pub fn into_map(self) -> BTreeMap<String, usize> {
        self.0.into_inner()
    }
}

impl TomlSource<'_> {
    /// An error at a position of the file.
    pub fn error(&self, span: &Range<usize>, what: impl AsRef<str>) -> Failure {
        let line = self.line(span);
        Failure::usage(format!("{}:{line}: {}", self.name, what.as_ref()))
            .code(ErrorCode::PROJECT_FILE_INVALID)
            .at(self.name, line, None)
    }

    /// The line of a position, from 1.
    pub fn line(&self, span: &Range<usize>) -> usize {
        self.line_ends.partition_point(|end| *end < span.start) + 1
    }
}

/// A table, and the keys that were asked for.
pub struct TomlTable<'a, 'i> {
    source: TomlSource<'a>,
    /// The header without brackets: `environments.production`; empty for the top level.
    path: String,
    table: &'a DeTable<'i>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a, 'i> TomlTable<'a, 'i> {
    /// A table of a file. `path` is its header without brackets, empty for the top level.
    pub fn new(source: TomlSource<'a>, path: impl Into<String>, table: &'a DeTable<'i>) -> Self {
        Self { source, path: path.into(), table, known: RefCell::default() }
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.borrow_mut().push(key);
        let value = self.table.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value);
        if let (Some(value), Some(KeyLines(lines))) = (value, self.source.lines) {
            lines.borrow_mut().insert(self.key_path(key), self.source.line(&value.span()));
        }
        value
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// An error about the value of a key.
    pub fn error_at(&self, key: &'static str, what: &str) -> Failure {
        let span = self.value(key).map_or(0..0, Spanned::span);
        self.source.error(&span, format!("{}: {what}", self.key_path(key)))
    }

    /// An error about a password: it would be shown wherever the text is, and the file is committed.
    fn password(&self, key: &str, value: &Spanned<DeValue<'i>>) -> Failure {
        let what = format!("{}: this URL holds credentials, which are not shown", self.key_path(key));
        self.source
            .error(&value.span(), what)
            .next("leave them to the environment or the machine's role, and change those that were committed")
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'i>>, expected: &str) -> Failure {
        let found = value.get_ref().type_str();
        self.source
            .error(&value.span(), format!("{}: expected {expected}, found {}", self.key_path(key), a(found)))
    }

    /// The value of a key, unread.
    pub fn raw(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.value(key)
    }

    /// A value that `read` converts; `expected` describes it in errors.
    ///
    /// # Errors
    /// Exit 2, as for every method here: the value has another type or shape.
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
        // The error repeats a string of the wrong shape, without passwords: see `ErrorReport`.
        Err(match value.get_ref().as_str() {
            Some(text) => self
                .source
                .error(&value.span(), format!("{}: expected {expected}, found {text:?}", self.key_path(key))),
            None => self.wrong(key, value, expected),
        })
    }

    /// A string that is not empty and holds no password.
    pub fn string(&self, key: &'static str) -> Result<Option<String>, Failure> {
        if let Some(value) = self.value(key)
            && value.get_ref().as_str().is_some_and(holds_password)
        {
            return Err(self.password(key, value));
        }
        self.read(key, "a string that is not empty", |value| {
            value.as_str().filter(|text| !text.trim().is_empty() && !text.contains('\0')).map(str::to_owned)
        })
    }

    /// A boolean.
    pub fn boolean(&self, key: &'static str) -> Result<Option<bool>, Failure> {
        self.read(key, "true or false", DeValue::as_bool)
    }

    /// One of these words; returns the value beside it.
    ///
    /// # Errors
    /// Exit 2: the value is another word, or no string.
    pub fn one_of<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Failure> {
        let quoted: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let expected = match quoted.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => quoted.concat(),
        };
        self.read(key, &expected, |value| {
            let text = value.as_str()?;
            words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant)
        })
    }

    /// An integer in a range.
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

    /// A list of strings that are not empty and hold no password.
    pub fn strings(&self, key: &'static str) -> Result<Option<Vec<String>>, Failure> {
        const EXPECTED: &str = "a list of strings";
        let Some(value) = self.value(key) else { return Ok(None) };
        let Some(list) = value.get_ref().as_array() else { return Err(self.wrong(key, value, EXPECTED)) };
        let item = |item: &Spanned<DeValue<'i>>| match item.get_ref().as_str() {
            Some(text) if holds_password(text) => Err(self.password(key, item)),
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            Some(_) => Err(self
                .source
                .error(&item.span(), format!("{}: an empty string in the list", self.key_path(key)))),
            None => Err(self.wrong(key, item, EXPECTED)),
        };
        list.iter().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// A table inside of this one; `None` when it is missing.
    pub fn section(&self, key: &'static str) -> Result<Option<TomlTable<'a, 'i>>, Failure> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref().as_table() {
            Some(table) => Ok(Some(TomlTable::new(self.source, self.key_path(key), table))),
            None => Err(self.wrong(key, value, "a table")),
        }
    }

    /// The tables of `[[key]]` in their order; none when it is missing.
    pub fn tables(&self, key: &'static str) -> Result<Vec<TomlTable<'a, 'i>>, Failure> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let expected = format!("tables, each below [[{}]]", self.key_path(key));
        let Some(list) = value.get_ref().as_array() else { return Err(self.wrong(key, value, &expected)) };
        let item = |item: &'a Spanned<DeValue<'i>>| match item.get_ref().as_table() {
            Some(table) => Ok(TomlTable::new(self.source, self.key_path(key), table)),
            None => Err(self.wrong(key, item, &expected)),
        };
        list.iter().map(item).collect()
    }

    /// All entries as tables. Their keys are names that the project has chosen.
    pub fn named(&self) -> impl Iterator<Item = Result<(&'a str, TomlTable<'a, 'i>), Failure>> {
        self.table.iter().map(|(key, value)| match value.get_ref().as_table() {
            Some(table) => {
                let name: &'a str = key.get_ref();
                Ok((name, TomlTable::new(self.source, self.key_path(name), table)))
            }
            None => Err(self.wrong(key.get_ref(), value, "a table")),
        })
    }

    /// All entries as strings. `read` converts each, and gets its line, too.
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

    /// Refuses keys that were not asked for.
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

/// The candidate that a mistyped word most likely means.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len() / 4)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Prepends the article: `a string`, `an integer`.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
