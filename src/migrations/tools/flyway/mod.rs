//! Flyway: `V1.2__name.sql`, `U1.2__name.sql`, `R__name.sql`, in directories below one another.

mod placeholders;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names::{plain, words};
use super::{
    ToolMigration, ToolMigrations, ToolSource, entries, is_code, needs_no_transaction, refuse, text_of,
};
use crate::error::Failure;
use crate::postgres::sql::identifier;
pub use placeholders::set_value;
use placeholders::{Replaced, replace};
use settings::FlywaySettings;
pub use settings::SETTINGS_FILES;

/// The version of a migration as Flyway compares it: numbers, without zeros at the end.
pub(super) type Version = Vec<u128>;

pub(super) fn read(source: ToolSource<'_>, directory: &Path) -> Result<ToolMigrations, Failure> {
    let settings = FlywaySettings::read(source)?;
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    let mut found = ToolMigrations::default();
    let (mut versioned, mut repeatable) = (Vec::new(), Vec::new());
    let mut downs: BTreeMap<Version, PathBuf> = BTreeMap::new();
    let mut failures = Vec::new();
    for (name, path) in files {
        let Some((prefix, rest)) = name.split_at_checked(1) else { continue };
        let Some(stem) = rest.strip_suffix(".sql") else {
            if is_code(&name) && rest.contains("__") {
                found.code.push(path);
            }
            continue;
        };
        let Some((version, description)) = stem.split_once("__") else { continue };
        match (prefix, numbers(version)) {
            ("R", _) if version.is_empty() => repeatable.push((description.to_owned(), path)),
            ("V", Some(number)) => versioned.push((number, version.to_owned(), description.to_owned(), path)),
            ("U", Some(number)) => drop(downs.insert(number, path)),
            ("B", Some(_)) => failures.push(refuse(
                &path,
                "a baseline migration, which Flyway runs in the place of all before it: move it away, or those",
            )),
            _ => {}
        }
    }
    versioned.sort_by(|a, b| a.0.cmp(&b.0));
    repeatable.sort();
    for pair in versioned.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        failures.push(refuse(&pair[1].3, format!("the version of {}, too", pair[0].3.display())));
    }
    let mut reader = Reader { settings, found };
    let versioned = versioned.into_iter().map(|(number, version, description, path)| {
        reader.migration(version.replace('_', "."), &description, path, downs.remove(&number))
    });
    let versioned: Vec<Result<ToolMigration, Failure>> = versioned.collect();
    let repeatable = repeatable.into_iter().map(|(description, path)| {
        // Flyway's history has no version for it, only the description.
        reader
            .migration(format!("R__{}", description.replace(' ', "_")), &description, path, None)
            .map(|migration| ToolMigration { is_repeatable: true, ..migration })
    });
    let repeatable: Vec<Result<ToolMigration, Failure>> = repeatable.collect();
    let read = versioned.into_iter().chain(repeatable).chain(failures.into_iter().map(Err));
    reader.found.migrations = Failure::collect(read)?;
    // On the line that is the first one, so that lines keep their numbers.
    let schemas = reader.settings.created.iter();
    let schemas = schemas.map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {}; ", identifier(schema)));
    if let Some(first) = reader.found.migrations.first_mut().filter(|first| !first.is_repeatable) {
        first.up.insert_str(0, &schemas.collect::<String>());
    }
    Ok(reader.found)
}

fn collect(directory: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    for (name, path) in entries(directory)? {
        match path.is_dir() && !path.is_symlink() {
            true => collect(&path, files)?,
            false => files.push((name, path)),
        }
    }
    Ok(())
}

/// The numbers of a version; `None` for anything else.
pub(super) fn numbers(version: &str) -> Option<Version> {
    let parts = version.split(['.', '_']).map(|part| plain(part).parse().ok().filter(|_| !part.is_empty()));
    let mut numbers: Version = parts.collect::<Option<_>>()?;
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

/// The schema that Flyway's settings put before all others, where that is another one than `public`.
///
/// # Errors
/// Exit 2: the settings cannot be read.
pub fn schema(source: ToolSource<'_>) -> Result<Option<String>, Failure> {
    let schema = FlywaySettings::read(source)?.default_schema;
    Ok(Some(schema).filter(|schema| schema != "public"))
}

/// Reads files with the project's settings, and notes what came from them.
struct Reader {
    settings: FlywaySettings,
    found: ToolMigrations,
}

impl Reader {
    fn migration(
        &mut self,
        revision: String,
        description: &str,
        path: PathBuf,
        down: Option<PathBuf>,
    ) -> Result<ToolMigration, Failure> {
        let settings = self.settings.of_script(&path)?;
        let up = self.replaced(&path, &settings);
        let down = down.map(|path| {
            let settings = self.settings.of_script(&path)?;
            self.replaced(&path, &settings).map(|text| (path, text))
        });
        let up = up?;
        Ok(ToolMigration {
            revision,
            name: words(description),
            no_transaction: !settings.in_transaction || needs_no_transaction(&up),
            path,
            up,
            down: down.transpose()?,
            is_repeatable: false,
        })
    }

    /// The text of a file with the values of its placeholders.
    fn replaced(&mut self, path: &Path, settings: &FlywaySettings) -> Result<String, Failure> {
        let text = text_of(path)?;
        let Replaced { text: replaced, differs, values, stand_ins } = replace(path, &text, settings)?;
        if differs {
            self.found.replaced_in.push(path.to_owned());
        }
        self.found.placeholders.extend(values);
        self.found.stand_ins.extend(stand_ins);
        Ok(replaced)
    }
}
