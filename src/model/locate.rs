//! Where the project's files declare what a finding is about: `schema/users.sql:12`.
//!
//! The files are split into statements, and of each only the words that name what it makes are read. What PostgreSQL
//! would resolve otherwise (names inside of `DO` blocks, a `search_path` of several schemas) is not found, and a finding
//! then has no place, or that of the relation that its object belongs to.

mod parse;

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::inputs::{SchemaFile, relative};
use crate::findings::{Change, Finding, Location};
use crate::migrations::Migration;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::{Statement, split, without_bom};
use parse::{Declaration, DeclaredName};

/// The places of all declarations of a project.
pub struct Declarations<'f> {
    schema: Index,
    schema_paths: Vec<&'f str>,
    migrations: &'f [Migration],
    migration_paths: Vec<String>,
    /// Most findings are placed in `schema/`; the migrations are read when one is not.
    migration_index: OnceCell<Index>,
}

/// Where each name is declared.
#[derive(Default)]
struct Index {
    places: HashMap<DeclaredName, Vec<Place>>,
    grants: Vec<Grant>,
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
}

impl<'f> Declarations<'f> {
    /// Reads the files of a project. `project` is its directory, to which paths are relative.
    pub fn new(schema: &'f [SchemaFile], migrations: &'f [Migration], project: &Path) -> Self {
        Self {
            schema: Index::of(schema.iter().map(|file| file.text.as_str())),
            schema_paths: schema.iter().map(|file| file.path.as_str()).collect(),
            migrations,
            migration_paths: migrations.iter().map(|file| relative(project, &file.path)).collect(),
            migration_index: OnceCell::new(),
        }
    }

    /// The place that a finding is about: where `schema/` declares its object; else in the migration that its cause names
    /// or that it is itself; else where a migration made its object; else where the relation of its object is declared.
    pub fn locate(&self, finding: &Finding) -> Option<Location> {
        let object = object(finding);
        let in_schema = |object: &ObjectId| {
            let (file, line) = self.schema.find(object, Wanted::First)?;
            Some(Location::new(self.schema_paths[file], line))
        };
        object
            .as_ref()
            .and_then(in_schema)
            .or_else(|| self.in_own_migration(finding, object.as_ref()))
            .or_else(|| self.in_migrations(object.as_ref().filter(|_| finding.change != Change::Unexpected)?))
            .or_else(|| {
                let relation = relation_of(object.as_ref()?)?;
                in_schema(&relation).or_else(|| self.in_migrations(&relation))
            })
    }

    /// In the migration that the finding is, or that its cause names.
    fn in_own_migration(&self, finding: &Finding, object: Option<&ObjectId>) -> Option<Location> {
        let is_it = |migration: &Migration| {
            if finding.kind == "migration" {
                return finding.object == format!("V{}__{}", migration.version, migration.name);
            }
            let named = finding.cause.as_ref().and_then(|cause| cause.migration.as_ref());
            named.is_some_and(|version| *version == migration.version.to_string())
        };
        let number = self.migrations.iter().position(is_it)?;
        let line = object.and_then(|object| line_in(&self.migrations[number].sql, object)).unwrap_or(1);
        Some(Location::new(&self.migration_paths[number], line))
    }

    /// In the last migration that declares it.
    fn in_migrations(&self, object: &ObjectId) -> Option<Location> {
        let texts = || self.migrations.iter().map(|migration| migration.sql.as_str());
        let index = self.migration_index.get_or_init(|| Index::of(texts()));
        let (file, line) = index.find(object, Wanted::Last)?;
        Some(Location::new(&self.migration_paths[file], line))
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
    fn of<'s>(scripts: impl Iterator<Item = &'s str>) -> Self {
        let mut index = Self::default();
        for (file, script) in scripts.enumerate() {
            index.add(file, script);
        }
        index
    }

    fn add(&mut self, file: usize, script: &str) {
        let mut schema = "public".to_owned();
        for statement in split(without_bom(script)).unwrap_or_default() {
            for declaration in parse::declarations(&statement, &mut schema) {
                match declaration {
                    Declaration::Object { name, line, arguments } => {
                        self.places.entry(name).or_default().push(Place { file, line, arguments });
                    }
                    Declaration::Grant { names } => {
                        self.grants.push(Grant { file, line: statement.line, names });
                    }
                }
            }
        }
    }

    /// File and line of an object's declaration.
    fn find(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        match object.kind {
            Kind::Privilege => self.granted(object),
            Kind::Sequence => self.named(object, wanted).or_else(|| self.of_serial(object, wanted)),
            kind if kind.is_constraint() => {
                self.named(object, wanted).or_else(|| self.of_column(object, wanted))
            }
            _ => self.named(object, wanted),
        }
    }

    fn named(&self, object: &ObjectId, wanted: Wanted) -> Option<(usize, usize)> {
        let places = self.places.get(&DeclaredName::of(object)?)?;
        let place = match (&object.suffix, wanted) {
            (Some(types), _) if object.kind.is_routine() => overload(places, types),
            (_, Wanted::First) => places.first(),
            (_, Wanted::Last) => places.last(),
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

    /// The statement that names both the object and the role of a privilege.
    fn granted(&self, object: &ObjectId) -> Option<(usize, usize)> {
        let role = object.suffix.as_ref()?.rsplit(' ').next()?.trim_matches('"').to_ascii_lowercase();
        let names_both = |grant: &&Grant| {
            grant.names.contains(object.name.as_str())
                && grant.names.iter().any(|name| name.eq_ignore_ascii_case(&role))
        };
        let grant = self.grants.iter().find(names_both)?;
        Some((grant.file, grant.line))
    }
}

/// The declaration of a routine that has these types of arguments, as far as their names tell.
fn overload<'p>(places: &'p [Place], types: &str) -> Option<&'p Place> {
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
    places.iter().max_by_key(likeness)
}

/// The line of a migration that declares an object, or the first one whose statement names it with its relation.
fn line_in(script: &str, object: &ObjectId) -> Option<usize> {
    let index = Index::of(std::iter::once(script));
    if let Some((_, line)) = index.find(object, Wanted::Last) {
        return Some(line);
    }
    split(without_bom(script)).ok()?.iter().find_map(|statement| named_in(statement, object))
}

fn named_in(statement: &Statement<'_>, object: &ObjectId) -> Option<usize> {
    let line_of = |wanted: &str| {
        let mut parts = statement.placed_parts();
        let (range, _) = parts.find(|(_, part)| part.name() == Some(wanted))?;
        Some(parse::line_at(statement, range.start))
    };
    if let Some(relation) = &object.relation {
        line_of(relation)?;
    }
    line_of(&object.name)
}

#[cfg(test)]
mod tests;
