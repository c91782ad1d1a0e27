//! Writes a catalog as the files of `schema/`: one file for each table with all that belongs to it, one for each view and
//! function, and one for the types of a schema. These are pure functions: the same catalog gives the same bytes.
//!
//! Whether the files load, and give the same catalog, is proved elsewhere.

mod file_names;
mod layout;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub(super) use layout::Layout;

use crate::postgres::catalog::{Catalog, Object, ObjectId};
use crate::postgres::ddl;

/// What a file of functions begins with whose bodies the server cannot read.
pub const UNCHECKED: &str = "SET check_function_bodies = off;\n\n";

/// The files that declare a catalog, by their paths in the project. `initial` is what a new database has.
pub fn files(catalog: &Catalog, initial: &[Arc<Object>]) -> BTreeMap<String, String> {
    let layout = Layout::new(catalog);
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, statements) in changes(catalog, initial) {
        files.entry(layout.file_of_id(id)).or_default().extend(statements);
    }
    for (path, statements) in ddl::grouped(&added(catalog, initial), |object| layout.file_of(object)) {
        files.entry(path).or_default().extend(statements);
    }
    files.retain(|_, statements| !statements.is_empty());
    files.into_iter().map(|(path, statements)| (path, text(&statements))).collect()
}

/// The migration that makes a catalog in a new database, of which `initial` is what it has; `None` where that is all.
pub fn baseline(catalog: &Catalog, initial: &[Arc<Object>]) -> Option<String> {
    let statements = changes(catalog, initial).flat_map(|(_, statements)| statements);
    let statements: Vec<String> = statements.chain(ddl::statements(&added(catalog, initial))).collect();
    // Bodies of functions may name what is created after them. The setting ends with the migration.
    let setting = "SET LOCAL check_function_bodies = off;".to_owned();
    let is_needed = !statements.is_empty();
    is_needed.then(|| text(&[vec![setting], statements].concat()))
}

/// What a catalog has and a new database has not.
pub(super) fn added(catalog: &Catalog, initial: &[Arc<Object>]) -> Catalog {
    let known: HashSet<&ObjectId> = initial.iter().map(|object| &object.id).collect();
    let added = catalog.objects.iter().filter(|object| !known.contains(&object.id)).cloned();
    Catalog::new(added.collect(), Vec::new())
}

/// The statements that change what a new database has.
pub(super) fn changes<'c>(
    catalog: &'c Catalog,
    initial: &'c [Arc<Object>],
) -> impl Iterator<Item = (&'c ObjectId, Vec<String>)> {
    initial.iter().map(|was| {
        let statements = match catalog.get(&was.id) {
            None => vec![ddl::drop(&was.id)],
            Some(is) => {
                let differing = is.attributes.differing(&was.attributes).into_iter();
                differing.filter_map(|attribute| ddl::alter(is, was, attribute)).collect()
            }
        };
        (&was.id, statements)
    })
}

pub(super) fn text(statements: &[String]) -> String {
    let mut text = statements.join("\n\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::catalog::{Attribute, Attributes, Kind};

    fn object(id: ObjectId, attributes: &[(Attribute, &str)]) -> Arc<Object> {
        let attributes = attributes.iter().map(|(attribute, value)| (*attribute, (*value).into())).collect();
        Arc::new(Object { id, attributes: Attributes::new(attributes) })
    }

    fn public() -> Arc<Object> {
        object(ObjectId::bare(Kind::Schema, "public"), &[(Attribute::Comment, "standard public schema")])
    }

    /// Two tables that refer to each other, and what belongs to one of them.
    fn shop() -> Vec<Arc<Object>> {
        let column = |table: &str, name: &str| {
            object(ObjectId::under(Kind::Column, "public", table, name), &[(Attribute::Type, "integer")])
        };
        let key = |table: &str, other: &str| {
            object(
                ObjectId::under(Kind::ForeignKey, "public", table, "other"),
                &[
                    (Attribute::Columns, "id"),
                    (Attribute::References, other),
                    (Attribute::ReferencedColumns, "id"),
                ],
            )
        };
        vec![
            object(
                ObjectId::in_schema(Kind::Table, "public", "a"),
                &[(Attribute::Comment, "First.\nSecond.")],
            ),
            column("a", "id"),
            key("a", "public.b"),
            object(
                ObjectId::in_schema(Kind::Index, "public", "some_idx"),
                &[(Attribute::OnTable, "public.a"), (Attribute::Columns, "id")],
            ),
            object(ObjectId::in_schema(Kind::Table, "public", "b"), &[]),
            column("b", "id"),
            key("b", "public.a"),
            object(ObjectId::in_schema(Kind::Enum, "public", "mood"), &[(Attribute::Labels, "'sad'")]),
        ]
    }

    #[test]
    fn a_table_is_written_with_what_belongs_to_it() {
        let initial = [public()];
        let catalog = Catalog::new(shop().into_iter().chain(initial.clone()).collect(), Vec::new());
        let files = files(&catalog, &initial);
        let paths: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["schema/public/a.sql", "schema/public/b.sql", "schema/public/types.sql"]);
        assert_eq!(
            files["schema/public/a.sql"],
            "CREATE TABLE public.a (\n    id integer\n);\n\nCOMMENT ON TABLE public.a IS 'First.\nSecond.';\n\n\
             CREATE INDEX some_idx ON public.a (id);\n\n\
             ALTER TABLE public.a ADD CONSTRAINT other FOREIGN KEY (id) REFERENCES public.b(id);\n"
        );
    }

    #[test]
    fn a_file_depends_on_its_own_objects_alone() {
        let initial = [public()];
        let whole = Catalog::new(shop().into_iter().chain(initial.clone()).collect(), Vec::new());
        let text = &files(&whole, &initial)["schema/public/a.sql"];
        let of_a =
            |object: &Arc<Object>| object.id.relation_path() != "public.b" && object.id.kind != Kind::Enum;
        let part =
            Catalog::new(whole.objects.iter().filter(|object| of_a(object)).cloned().collect(), Vec::new());
        assert_eq!(&files(&part, &initial)["schema/public/a.sql"], text);
    }

    #[test]
    fn what_a_new_database_has_is_written_where_it_differs() {
        let initial = [public()];
        assert!(files(&Catalog::new(initial.to_vec(), Vec::new()), &initial).is_empty());
        let commented = object(ObjectId::bare(Kind::Schema, "public"), &[(Attribute::Comment, "ours")]);
        let changed = files(&Catalog::new(vec![commented], Vec::new()), &initial);
        assert_eq!(changed["schema/schemas.sql"], "COMMENT ON SCHEMA public IS 'ours';\n");
        let dropped = files(&Catalog::default(), &initial);
        assert_eq!(dropped["schema/schemas.sql"], "DROP SCHEMA public;\n");
    }
}
