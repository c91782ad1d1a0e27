//! What `[gate]` asks outside of the database: variables of the environment, commands, results of tests, people.

use std::collections::BTreeSet;
use std::time::Duration;

use regex::Regex;

use super::levels::GateLevel;
use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::TomlTable;

/// The settings of the sections `environment`, `commands`, `evidence` and `people`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AroundSettings {
    /// `require_env`
    pub required_env: Vec<RequiredVariable>,
    /// `[[gate.command]]`
    pub commands: Vec<GateCommand>,
    /// `[[gate.evidence]]`
    pub evidence: Vec<EvidenceSettings>,
    /// `[[gate.attest]]`
    pub attest: Vec<AttestSettings>,
}

/// A variable that must be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredVariable {
    /// The name.
    pub name: String,
    /// A regular expression that its value must match somewhere.
    pub pattern: Option<String>,
}

/// A command of the project's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateCommand {
    /// What people call it.
    pub name: String,
    /// The program and its arguments. No shell is between.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Results of the project's own tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// What people call it.
    pub name: String,
    /// The files in the directory of the project: `*` is any part of a name, `**` any directories.
    pub junit: String,
    /// Whether it can stop a deploy.
    pub level: GateLevel,
}

/// Something that people must have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestSettings {
    /// What it is.
    pub name: String,
    /// How many of them.
    pub by: u32,
    /// For how long that holds; `None`: as long as nothing else is pending.
    pub expires: Option<Duration>,
}

impl RequiredVariable {
    /// Reads `NAME` or `NAME ~ PATTERN`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> Result<Self, String> {
        let (name, pattern) = match text.split_once('~') {
            Some((name, pattern)) => (name.trim(), Some(pattern.trim().to_owned())),
            None => (text.trim(), None),
        };
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        if !is_name {
            return Err(format!("expected NAME or NAME ~ PATTERN, found {text:?}"));
        }
        if let Some(pattern) = &pattern
            && (pattern.is_empty() || Regex::new(pattern).is_err())
        {
            return Err(format!("{name}: {pattern:?} is not a regular expression"));
        }
        Ok(Self { name: name.to_owned(), pattern })
    }

    /// Whether a value is one that it may have.
    pub fn fits(&self, value: &str) -> bool {
        // The pattern was tried when the file was read.
        self.pattern
            .as_ref()
            .is_none_or(|pattern| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value)))
    }
}

/// How long a command may take unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn around(table: &TomlTable<'_, '_>) -> Result<AroundSettings, Failure> {
    let required = table.strings("require_env")?.unwrap_or_default();
    let required = required
        .iter()
        .map(|text| RequiredVariable::parse(text).map_err(|what| table.error_at("require_env", &what)));
    let required_env: Vec<RequiredVariable> = required.collect::<Result<_, _>>()?;
    unique(table, "require_env", required_env.iter().map(|one| one.name.as_str()))?;
    let commands = entries(table, "command", |entry, name| {
        let command = entry.strings("command")?.filter(|words| !words.is_empty());
        let command = command.ok_or_else(|| {
            table.error_at("command", &format!("{name:?} needs command = [\"program\", \"argument\"]"))
        })?;
        let read = |value: &toml::de::DeValue<'_>| {
            value.as_str().and_then(sql::duration).filter(|found| !found.is_zero())
        };
        let timeout = entry.read("timeout", DURATION, read)?.unwrap_or(TIMEOUT);
        Ok(GateCommand { name, command, timeout })
    })?;
    unique(table, "command", commands.iter().map(|one| one.name.as_str()))?;
    // `[gate.evidence]`, a table, is no list of them.
    let evidence = entries(table, "evidence", |entry, name| {
        let junit = entry.string("junit")?;
        let junit = junit.ok_or_else(|| {
            table.error_at("evidence", &format!("{name:?} needs junit = \"reports/*.xml\""))
        })?;
        let level = entry.one_of("level", &GateLevel::WORDS)?.unwrap_or(GateLevel::Block);
        Ok(EvidenceSettings { name, junit, level })
    })?;
    unique(table, "evidence", evidence.iter().map(|one| one.name.as_str()))?;
    let attest = entries(table, "attest", |entry, name| {
        let by = entry.integer("by", 1..=9, "a number of people from 1 to 9")?.unwrap_or(1);
        let age = "an age such as \"12h\" or \"7d\"";
        let expires = entry.read("expires", age, |value| value.as_str().and_then(sql::age))?;
        Ok(AttestSettings { name, by, expires })
    })?;
    unique(table, "attest", attest.iter().map(|one| one.name.as_str()))?;
    Ok(AroundSettings { required_env, commands, evidence, attest })
}

/// The entries of `[[gate.KEY]]`, each with its name.
fn entries<T>(
    table: &TomlTable<'_, '_>,
    key: &'static str,
    read: impl Fn(&TomlTable<'_, '_>, String) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    for entry in table.tables(key)? {
        let name = entry.string("name")?;
        let name = name.ok_or_else(|| table.error_at(key, "an entry needs name = \"...\""))?;
        found.push(read(&entry, name)?);
        entry.finish()?;
    }
    Ok(found)
}

fn unique<'n>(
    table: &TomlTable<'_, '_>,
    key: &'static str,
    names: impl Iterator<Item = &'n str>,
) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(table.error_at(key, &format!("{name:?} is there twice")));
        }
    }
    Ok(())
}
