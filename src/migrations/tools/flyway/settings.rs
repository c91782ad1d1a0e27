//! What Flyway's own settings say of the texts of migrations: `flyway.toml`, `flyway.conf`, and `V1__name.sql.conf` beside one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::{ToolSource, refuse, text_of};
use crate::error::Failure;

/// The files of a project's settings. Flyway reads one of them.
pub const SETTINGS_FILES: [&str; 3] = ["flyway.toml", "flyway.conf", "conf/flyway.conf"];

/// The settings that decide which SQL a migration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FlywaySettings {
    /// The file that they are in, from the directory in which Flyway is run.
    pub(super) file: Option<&'static str>,
    pub(super) replaces: bool,
    pub(super) prefix: String,
    pub(super) suffix: String,
    /// Stands between `flyway` and the name of a value that Flyway knows by itself.
    pub(super) separator: String,
    pub(super) in_transaction: bool,
    pub(super) table: String,
    pub(super) default_schema: String,
    pub(super) schemas: String,
    /// The schemas that Flyway creates before it runs the first migration.
    pub(super) created: Vec<String>,
    /// The values by their names in lower case.
    pub(super) values: BTreeMap<String, PlaceholderValue>,
}

/// The value of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlaceholderValue {
    Known(String),
    /// The settings take it from an environment variable.
    OfEnvironment,
}

impl FlywaySettings {
    /// Reads the file of the project's settings. Values in `trueup.toml` win.
    ///
    /// # Errors
    /// Exit 2: the file cannot be read.
    pub(super) fn read(source: ToolSource<'_>) -> Result<Self, Failure> {
        let found = SETTINGS_FILES.into_iter().map(|name| (name, source.home.join(name)));
        let found = found.into_iter().find(|(_, path)| path.is_file());
        let entries = match &found {
            Some((name, path)) if name.ends_with(".toml") => of_toml(path)?,
            Some((_, path)) => of_conf(&text_of(path)?),
            None => BTreeMap::new(),
        };
        let entry = |name: &str| entries.get(&format!("flyway.{name}")).cloned();
        let is = |name: &str| entry(name).is_none_or(|value| !value.eq_ignore_ascii_case("false"));
        let mark = |name: &str, usual: &str| {
            entry(name).filter(|mark| !mark.is_empty()).unwrap_or_else(|| usual.to_owned())
        };
        let schemas = entry("schemas").unwrap_or_default();
        let listed = schemas.split(',').map(str::trim).filter(|schema| !schema.is_empty());
        let first = entry("defaultSchema").or_else(|| listed.clone().next().map(str::to_owned));
        let mut created: Vec<String> = first.iter().cloned().chain(listed.map(str::to_owned)).collect();
        let mut known = BTreeSet::from(["public".to_owned()]);
        created.retain(|schema| is("createSchemas") && known.insert(schema.clone()));
        let values = entries.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix("flyway.placeholders.")?.to_lowercase();
            // A reference to a variable, in either of the two files.
            let is_known = !value.contains("${");
            Some((
                name,
                if is_known {
                    PlaceholderValue::Known(value.clone())
                } else {
                    PlaceholderValue::OfEnvironment
                },
            ))
        });
        let own = source.placeholders.iter();
        let own = own.map(|(name, value)| (name.to_lowercase(), PlaceholderValue::Known(value.clone())));
        Ok(Self {
            file: found.as_ref().map(|(name, _)| *name),
            replaces: is("placeholderReplacement"),
            prefix: mark("placeholderPrefix", "${"),
            suffix: mark("placeholderSuffix", "}"),
            separator: entry("placeholderSeparator").unwrap_or_else(|| ":".to_owned()),
            in_transaction: is("executeInTransaction"),
            table: entry("table").unwrap_or_else(|| "flyway_schema_history".to_owned()),
            default_schema: first.unwrap_or_else(|| "public".to_owned()),
            schemas: schemas.clone(),
            created,
            values: values.chain(own).collect(),
        })
    }

    /// The same for one migration, which may have a file of settings beside it.
    pub(super) fn of_script(&self, path: &Path) -> Result<Self, Failure> {
        let mut beside = path.to_owned().into_os_string();
        beside.push(".conf");
        let beside = PathBuf::from(beside);
        let entries = if beside.is_file() { of_conf(&text_of(&beside)?) } else { BTreeMap::new() };
        let is = |name: &str, otherwise: bool| {
            entries.get(name).map_or(otherwise, |value| value.eq_ignore_ascii_case("true"))
        };
        Ok(Self {
            replaces: is("placeholderReplacement", true) && self.replaces,
            in_transaction: is("executeInTransaction", self.in_transaction),
            ..self.clone()
        })
    }
}

/// The entries of a file of Java properties, as Flyway reads one: a backslash is itself, and at the end of a line it joins the
/// next one to it.
fn of_conf(text: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut line = line.to_owned();
        let goes_on = |next: &&str| !(next.is_empty() || next.starts_with("flyway.") && next.contains('='));
        while line.ends_with('\\') {
            let Some(next) = lines.next_if(goes_on) else { break };
            line.pop();
            line.push_str(next);
        }
        let end = line.find(|found: char| found == '=' || found == ':' || found.is_whitespace());
        let (key, rest) = line.split_at(end.unwrap_or(line.len()));
        let rest = rest.trim_start();
        let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
        entries.insert(key.to_owned(), value.to_owned());
    }
    entries
}

/// The entries of a TOML file under their whole names. What the environment that it names says of `flyway` wins.
fn of_toml(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let table: toml::Table =
        toml::from_str(&text_of(path)?).map_err(|error| refuse(path, error.message()))?;
    let mut entries = BTreeMap::new();
    let flyway = table.get("flyway");
    flatten("flyway", flyway, &mut entries);
    let environment = flyway.and_then(|flyway| flyway.get("environment")).and_then(toml::Value::as_str);
    let environment = table.get("environments").and_then(|all| all.get(environment.unwrap_or("default")));
    if let Some(schemas) = environment.and_then(|environment| environment.get("schemas")) {
        flatten("flyway.schemas", Some(schemas), &mut entries);
    }
    flatten("flyway", environment.and_then(|environment| environment.get("flyway")), &mut entries);
    Ok(entries)
}

fn flatten(name: &str, value: Option<&toml::Value>, entries: &mut BTreeMap<String, String>) {
    let text = match value {
        None => return,
        Some(toml::Value::Table(table)) => {
            return table
                .iter()
                .for_each(|(key, value)| flatten(&format!("{name}.{key}"), Some(value), entries));
        }
        Some(toml::Value::Array(list)) => {
            list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        Some(toml::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    entries.insert(name.to_owned(), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        files: &[(&str, &str)],
        placeholders: &[(String, String)],
    ) -> Result<FlywaySettings, Failure> {
        let home = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let tool = super::super::super::MigrationTool::Flyway;
        FlywaySettings::read(ToolSource { tool, home: home.path(), placeholders })
    }

    fn value(settings: &FlywaySettings, name: &str) -> Option<String> {
        match settings.values.get(name)? {
            PlaceholderValue::Known(value) => Some(value.clone()),
            PlaceholderValue::OfEnvironment => Some("?".to_owned()),
        }
    }

    #[test]
    fn properties_are_read_as_flyway_reads_them() {
        let text = "# a comment\n flyway.placeholders.Owner = app \\x\n!other\nflyway.placeholders.long: a,\\\n  b,\\\n\
                    flyway.schemas=one, two\nflyway.placeholders.path=C:\\\nflyway.placeholderReplacement=FALSE\n\
                    flyway.placeholders.of_env=a${HOME}\nflyway.placeholders.none=\n";
        let read = settings(&[("conf/flyway.conf", text)], &[]).expect("reads");
        assert_eq!(read.file, Some("conf/flyway.conf"));
        assert_eq!(value(&read, "owner").as_deref(), Some("app \\x"));
        assert_eq!(value(&read, "long").as_deref(), Some("a,b,\\"));
        assert_eq!(value(&read, "path").as_deref(), Some("C:\\"));
        assert_eq!(value(&read, "of_env").as_deref(), Some("?"));
        assert_eq!(value(&read, "none").as_deref(), Some(""));
        assert_eq!((read.default_schema.as_str(), read.replaces), ("one", false));
        assert_eq!(read.created, ["one", "two"]);
        assert!(settings(&[], &[]).expect("nothing to read").created.is_empty());
    }

    #[test]
    fn toml_is_read_and_trueups_own_settings_win() {
        let text = "[flyway]\nenvironment = \"dev\"\nplaceholderPrefix = \"@@\"\ntable = \"history\"\n\
                    [flyway.placeholders]\nOwner = \"a\"\nlimit = 3\nschema = \"s\"\n\
                    [environments.dev]\nschemas = [\"app\", \"other\"]\n\
                    [environments.dev.flyway.placeholders]\nschema = \"dev\"\n\
                    [environments.prod.flyway.placeholders]\nschema = \"prod\"\n";
        let own = [("OWNER".to_owned(), "mine".to_owned())];
        let read =
            settings(&[("flyway.toml", text), ("flyway.conf", "flyway.table=x")], &own).expect("reads");
        assert_eq!(value(&read, "owner").as_deref(), Some("mine"));
        assert_eq!(value(&read, "limit").as_deref(), Some("3"));
        assert_eq!(value(&read, "schema").as_deref(), Some("dev"));
        assert_eq!((read.prefix.as_str(), read.table.as_str()), ("@@", "history"));
        assert_eq!((read.default_schema.as_str(), read.schemas.as_str()), ("app", "app,other"));
        assert_eq!(read.created, ["app", "other"]);
        assert!(
            settings(&[("flyway.toml", "[flyway")], &[]).expect_err("no TOML").what.contains("flyway.toml")
        );
    }
}
