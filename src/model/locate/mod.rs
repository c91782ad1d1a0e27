//! Where the project's files declare what a finding is about: `schema/users.sql:12`.
//!
//! The files are split into statements, and of each only the words that name what it makes are read. What PostgreSQL
//! would resolve otherwise (names inside of `DO` blocks, a `search_path` of several schemas) is not found, and a finding
//! then has no place, or that of the relation that its object belongs to.

mod mentions;
mod names;
mod parse;
mod units;

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::declare::Layout;
use super::inputs::{SchemaFile, relative};
use crate::findings::{CauseKind, Change, Finding, Location};
use crate::migrations::Migration;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::{split, without_bom};
use mentions::Mentions;
pub(super) use names::DeclaredName;
use names::Namespace;
use parse::Declaration;
pub(super) use parse::first_schema;
pub(super) use units::{Units, about};

/// The places of all declarations of a project.
pub struct Declarations<'f> {
    /// Where names without a schema go.
    first_schema: String,
    schema: Index,
    schema_paths: Vec<&'f str>,
    migrations: &'f [Migration],
    migration_paths: Vec<String>,
    /// The place of each migration among them, by its version.
    numbers: HashMap<String, usize>,
    /// Most findings are placed in `schema/`; the migrations are read when one is not.
    migration_index: OnceCell<Index>,
    /// What the statements of each migration name, for what a migration changes and does not declare.
    mentions: Vec<OnceCell<Mentions>>,
}

/// Where each name is declared.
#[derive(Default)]
struct Index {
    places: HashMap<DeclaredName, Vec<Place>>,
    grants: Vec<Grant>,
    /// Which of the grants name something.
    grants_by_name: HashMap<String, Vec<usize>>,
}

/// A line of one of the files.
struct Place {
    file: usize,
    line: usize,
    /// The arguments of a routine, each as the names in it.
    arguments: Vec<Vec<String>>,
}

/// A statement that grants or revokes.
struct Grant {
    file: usize,
    line: usize,
    names: HashSet<String>,
}

/// Which of several declarations of one name is meant.
#[derive(Clone, Copy)]
enum Wanted {
    First,
    Last,
    /// The last one of a file.
    LastOf(usize),
}

impl Wanted {
    fn accepts(self, file: usize) -> bool {
        match self {
            Self::LastOf(wanted) => wanted == file,
            Self::First | Self::Last => true,
        }
    }

    /// Of places in the order of the files.
    fn choose<T>(self, mut places: impl DoubleEndedIterator<Item = T>) -> Option<T> {
        match self {
            Self::First => places.next(),
            Self::Last | Self::LastOf(_) => places.next_back(),
        }
    }
}

impl<'f> Declarations<'f> {
    /// Reads the files of a project. `project` is its directory, to which paths are relative; `search_path` is the setting
    /// under which its SQL runs.
    pub fn new(
        schema: &'f [SchemaFile],
        migrations: &'f [Migration],
        project: &Path,
        search_path: &str,
    ) -> Self {
        let numbers = migrations.iter().enumerate();
        let first_schema = parse::first_schema(search_path);
        Self {
            schema: Index::of(schema.iter().map(|file| file.text.as_str()), &first_schema),
            first_schema,
            schema_paths: schema.iter().map(|file| file.path.as_str()).collect(),
            migrations,
            migration_paths: migrations.iter().map(|file| relative(project, &file.path)).collect(),
            numbers: numbers.map(|(number, migration)| (migration.version.to_string(), number)).collect(),
            migration_index: OnceCell::new(),
            mentions: migrations.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The place that a finding is about. What a migration is going to change, or was interrupted in, is in that migration;
    /// anything else is where `schema/` declares its object, else in the migration that its cause names, else where a
    /// migration made its object, else where the relation of its object is declared.
    pub fn locate(&self, finding: &Finding) -> Option<Location> {
        let object = object(finding);
        let object = object.as_ref();
        let in_schema = |object: &ObjectId| {
            let (file, line) = self.schema.find(object, Wanted::First)?;
            Some(Location::new(self.schema_paths[file], line))
        };
        let by_migration = matches!(
            finding.cause_kind(),
            Some(CauseKind::Pending | CauseKind::Unfinished | CauseKind::Edited)
        );
        let own = || self.in_own_migration(finding, object);
        by_migration
            .then(own)
            .flatten()
            .or_else(|| in_schema(object?))
            .or_else(own)
            .or_else(|| self.in_migrations(object.filter(|_| finding.change != Change::Unexpected)?))
            .or_else(|| {
                let relation = relation_of(object?)?;
                in_schema(&relation).or_else(|| self.in_migrations(&relation))
            })
    }

    /// The file of `schema/` where the object of a finding, which is not declared, belongs: that of its relation, else the
    /// only one, else the one that `init --from-database` writes it into, where the project's files are like that, else
    /// that of its schema, else one of its own name.
    pub fn file_for(&self, relation: Option<&str>, finding: &Finding) -> String {
        let relation = relation.and_then(|relation| ObjectId::parse(Kind::Table, relation));
        let file_of = |id: &ObjectId| {
            self.schema.find(id, Wanted::First).map(|(file, _)| self.schema_paths[file].to_owned())
        };
        let object = object(finding);
        let by_layout = || {
            let id = relation.as_ref().or(object.as_ref())?;
            self.is_laid_out().then(|| Layout::of_names().file_of_id(id))
        };
        let of_schema = || file_of(&ObjectId::bare(Kind::Schema, object.as_ref()?.schema.clone()?));
        let only = match self.schema_paths.as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        };
        let known = relation.as_ref().and_then(file_of).or(only).or_else(by_layout).or_else(of_schema);
        known.unwrap_or_else(|| {
            let name = object.as_ref().map_or(finding.object.as_str(), |object| object.name.as_str());
            format!("schema/{name}.sql")
        })
    }

    /// Whether a relation is declared in the file that `init --from-database` writes it into.
    fn is_laid_out(&self) -> bool {
        let layout = Layout::of_names();
        self.schema.relations().any(|(schema, name, file)| {
            let is_file_of =
                |kind| self.schema_paths[file] == layout.file_of_id(&ObjectId::in_schema(kind, schema, name));
            is_file_of(Kind::Table) || is_file_of(Kind::View)
        })
    }

    /// In the migration that the finding is, or that its cause names: the statement that declares the object or names it,
    /// else the first line.
    fn in_own_migration(&self, finding: &Finding, object: Option<&ObjectId>) -> Option<Location> {
        let number = match finding.kind {
            "migration" => {
                let (version, name) = finding.object.strip_prefix('V')?.split_once("__")?;
                let number = *self.numbers.get(version)?;
                (self.migrations[number].name == name).then_some(number)?
            }
            _ => *self.numbers.get(finding.cause.as_ref()?.migration.as_ref()?)?,
        };
        let is_comment = finding.code.ends_with(".comment");
        let line = object.and_then(|object| self.line_in(number, object, is_comment)).unwrap_or(1);
        Some(Location::new(&self.migration_paths[number], line))
    }

    /// The line of a migration that declares an object, or of a statement that names it with its relation.
    fn line_in(&self, number: usize, object: &ObjectId, is_comment: bool) -> Option<usize> {
        let declared = || self.migration_index().find(object, Wanted::LastOf(number)).map(|(_, line)| line);
        let mentioned = || {
            let mentions = self.mentions[number].get_or_init(|| Mentions::of(&self.migrations[number].sql));
            mentions.line_of(object, is_comment)
        };
        if is_comment { mentioned().or_else(declared) } else { declared().or_else(mentioned) }
    }

    /// In the last migration that declares it.
    fn in_migrations(&self, object: &ObjectId) -> Option<Location> {
        let (file, line) = self.migration_index().find(object, Wanted::Last)?;
        Some(Location::new(&self.migration_paths[file], line))
    }

    fn migration_index(&self) -> &Index {
        let texts = || self.migrations.iter().map(|migration| migration.sql.as_str());
        self.migration_index.get_or_init(|| Index::of(texts(), &self.first_schema))
    }
}

/// The object of a finding, where it is one of the catalog.
fn object(finding: &Finding) -> Option<ObjectId> {
    ObjectId::parse(finding.kind.parse().ok()?, &finding.object)
}

/// The relation that an object stands under.
fn relation_of(object: &ObjectId) -> Option<ObjectId> {
    Some(ObjectId::in_schema(Kind::Table, object.schema.clone()?, object.relation.clone()?))
}

impl Index {
    /// Reads scripts. One that cannot be split declares nothing here; whoever compiles it says what is wrong with it.
    fn of<'s>(scripts: impl Iterator<Item = &'s str>, first_schema: &str) -> Self {
        let mut index = Self::default();
        for (file, script) in scripts.enumerate() {
            index.add(file, script, first_schema);
        }
        index
    }

    fn add(&mut self, file: usize, script: &str, first_schema: &str) {
        let mut schema = first_schema.to_owned();
        for statement in split(without_bom(script)).unwrap_or_default() {
            for declaration in parse::declarations(&statement, &mut schema) {
                match declaration {
                    Declaration::Object { name, line, arguments } => {
                        self.places.entry(name).or_default().push(Place { file, line, arguments });
                    }
                    Declaration::Grant { names } => {
                        for name in &names {
                            self.grants_by_name.entry(name.clone()).or_default().push(self.grants.len());
                        }
                        self.grants.push(Grant { file, line: statement.line, names });
                    }
                }
            }
        }
    }

    /// The relations that are declared: schema, name and file.
    fn relations(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        let relations = self.places.iter().filter(|(name, _)| name.namespace == Namespace::Relation);
        relations.flat_map(|(DeclaredName { schema, name, .. }, places)| {
            places.iter().map(|place| (schema.as_str(), name.as_str(), place.file))
        })
    }

    /// File and line of an object's declaration.
    fn find(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        match object.kind {
            Kind::Privilege => self.granted(object, wanted),
            Kind::Sequence => self.named(object, wanted).or_else(|| self.of_serial(object, wanted)),
            kind if kind.is_constraint() => {
                self.named(object, wanted).or_else(|| self.of_column(object, wanted))
            }
            _ => self.named(object, wanted),
        }
    }

    fn named(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        let places = self.places.get(&DeclaredName::of(object)?)?;
        let places = places.iter().filter(|place| wanted.accepts(place.file));
        let place = match &object.suffix {
            Some(types) if object.kind.is_routine() => overload(places, types),
            _ => wanted.choose(places),
        }?;
        Some((place.file, place.line))
    }

    /// The column that a constraint without a name of its own was written at: PostgreSQL then names it `table_column_key`.
    fn of_column(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        let relation = object.relation.as_ref()?;
        let rest = object.name.strip_prefix(relation.as_str())?.strip_prefix('_')?;
        let ends = ["_fkey", "_key", "_check", "_excl"];
        let column = ends.iter().find_map(|end| rest.strip_suffix(end))?;
        let column = ObjectId::under(Kind::Column, object.schema.clone()?, relation.clone(), column);
        self.named(&column, wanted)
    }

    /// The column that a sequence was made for: PostgreSQL names it `table_column_seq`.
    fn of_serial(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        let name = object.name.strip_suffix("_seq")?;
        name.match_indices('_').find_map(|(place, _)| {
            let (relation, column) = (&name[..place], &name[place + 1..]);
            self.named(&ObjectId::under(Kind::Column, object.schema.clone()?, relation, column), wanted)
        })
    }

    /// The statement that names both the object and the role of a privilege; of default privileges, the one that names
    /// the schema and the kind of object, too.
    fn granted(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        let suffix = object.suffix.as_deref()?;
        let role = suffix.rsplit(' ').next()?.trim_matches('"').to_ascii_lowercase();
        // FOR ROLE may be left out.
        let details = suffix.split_once(" IN SCHEMA ").or_else(|| suffix.split_once(" ON "));
        let details = details.map_or(suffix, |(_, details)| details);
        let details = details.split(' ').map(|word| word.trim_matches('"').to_ascii_lowercase());
        let details: Vec<String> = match object.name.as_str() {
            names::DEFAULT_PRIVILEGES => details.filter(|word| !word.is_empty()).collect(),
            _ => vec![role],
        };
        let naming =
            self.grants_by_name.get(object.name.as_str())?.iter().map(|number| &self.grants[*number]);
        let grants = naming.filter(|grant| {
            let has = |word: &String| grant.names.iter().any(|name| name.eq_ignore_ascii_case(word));
            wanted.accepts(grant.file) && details.iter().all(has)
        });
        let grant = wanted.choose(grants)?;
        Some((grant.file, grant.line))
    }
}

/// The declaration of a routine that has these types of arguments, as far as their names tell.
fn overload<'p>(places: impl Iterator<Item = &'p Place>, types: &str) -> Option<&'p Place> {
    let types: Vec<&str> = types.split(", ").filter(|one| !one.is_empty()).collect();
    let likeness = |place: &&Place| {
        if place.arguments.len() != types.len() {
            return 0;
        }
        let same = place.arguments.iter().zip(&types).filter(|(argument, wanted)| {
            wanted.split([' ', '.', '[']).all(|word| word == "]" || argument.iter().any(|have| have == word))
        });
        1 + same.count()
    };
    // Of equals, `max_by_key` takes the last: what replaces a function stands after it.
    places.max_by_key(likeness)
}

#[cfg(test)]
mod tests;
