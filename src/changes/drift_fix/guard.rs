//! Whether what is about to be changed is still as it was seen: asked by trueup inside of each transaction, and by a script that
//! is pasted elsewhere. What is created again keeps its owner and its grants.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::postgres::catalog::ObjectId;
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::literal;

/// The state of one object of the catalog, for `seen`.
const STATE: &str = include_str!("guard.sql");
/// The statements that give an object its owner and its grants, for `seen`.
const BELONGINGS: &str = include_str!("belongings.sql");
/// The number of an object, for `seen`.
const NUMBER: &str = "coalesce(pg_catalog.to_regprocedure(seen.routine)::oid, pg_catalog.to_regclass(seen.relation)::oid, \
                      pg_catalog.to_regtype(seen.relation)::oid)";

/// The SQLSTATE that a guard raises.
pub(super) const CHANGED: &str = "TRU01";

/// What is looked at: a relation or a type by its path, or a routine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarded {
    /// A relation, a type, or nothing yet that has this name.
    Relation(String),
    /// A routine with the types of its arguments.
    Routine(String),
}

/// Objects when they were seen.
pub type SeenObjects = BTreeMap<Guarded, SeenObject>;

/// An object when it was seen; nothing where there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenObject {
    /// What the catalog had of it, as one text.
    state: Option<String>,
    /// Its oid.
    oid: Option<String>,
    /// The statements that give its owner and its grants to another one of its name.
    belongings: Option<String>,
}

impl Guarded {
    /// What stands for an object; `None` for what belongs to no relation, type or routine.
    pub(super) fn of(id: &ObjectId) -> Option<Self> {
        if id.kind.is_routine() {
            return Some(Self::Routine(id.to_string()));
        }
        let is_named = id.schema.is_some() && id.suffix.is_none();
        is_named.then(|| Self::Relation(id.relation_path()))
    }

    /// `(number, relation, routine, ...)`, with what else is known.
    fn row(&self, number: usize, known: &[Option<&str>]) -> String {
        let (relation, routine) = match self {
            Self::Relation(name) => (literal(name), "NULL".to_owned()),
            Self::Routine(name) => ("NULL".to_owned(), literal(name)),
        };
        let known = known.iter().map(|text| text.map_or_else(|| "NULL".to_owned(), literal));
        let known: String = known.map(|text| format!(", {text}::text")).collect();
        format!("({number}, {relation}::text, {routine}::text{known})")
    }
}

/// The query for the states of objects, one row each; `None` for no object.
pub fn question(objects: &[&Guarded]) -> Option<String> {
    let rows: Vec<String> =
        objects.iter().enumerate().map(|(number, object)| object.row(number, &[])).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "SELECT seen.number, now.state, now.oid, now.belongings FROM (VALUES {}) AS seen (number, relation, routine) \
             CROSS JOIN LATERAL (SELECT ({STATE}) AS state, ({NUMBER})::text AS oid, ({BELONGINGS}) AS belongings) AS now \
             ORDER BY seen.number",
            rows.join(", ")
        )
    })
}

/// The states from the rows of [`question`].
///
/// # Errors
/// A row is none of it.
pub fn answer(objects: &[&Guarded], rows: &[OwnedRow]) -> Result<SeenObjects, RowError> {
    let mut seen = SeenObjects::new();
    for row in rows {
        let number: usize = row.get("number")?;
        if let Some(object) = objects.get(number) {
            let found = SeenObject {
                state: row.get("state")?,
                oid: row.get("oid")?,
                belongings: row.get("belongings")?,
            };
            seen.insert((*object).clone(), found);
        }
    }
    Ok(seen)
}

/// One statement that raises an exception when an object is not as it was seen; `None` for no object.
pub(super) fn block<'g>(
    objects: impl IntoIterator<Item = &'g Guarded>,
    seen: &SeenObjects,
    instead: &str,
) -> Option<String> {
    let rows: Vec<String> = objects
        .into_iter()
        .enumerate()
        .map(|(number, object)| {
            object.row(number, &[seen.get(object).and_then(|found| found.state.as_deref())])
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let mut body = String::from("DECLARE changed text;\nBEGIN\n");
    let _ = writeln!(
        body,
        "  SELECT string_agg(coalesce(seen.relation, seen.routine), ', ' ORDER BY seen.number) INTO changed\n    FROM (VALUES {}) \
         AS seen (number, relation, routine, state)\n   CROSS JOIN LATERAL (SELECT (\n{STATE}) AS state) AS now\n   \
         WHERE now.state IS DISTINCT FROM seen.state;",
        rows.join(",\n                 ")
    );
    let _ = writeln!(
        body,
        "  IF changed IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = '{CHANGED}',\n    MESSAGE = 'changed since it was seen: ' || \
         changed || {}; END IF;",
        literal(instead)
    );
    Some(quoted_block(&format!("{body}END\n")))
}

/// One statement that gives owner and grants back to what was created again; `None` for no object.
pub(super) fn restoration(objects: &[Guarded], seen: &SeenObjects) -> Option<String> {
    let known = objects.iter().filter_map(|object| Some((object, seen.get(object)?)));
    let known = known.filter(|(_, found)| found.belongings.is_some());
    let rows: Vec<String> = known
        .enumerate()
        .map(|(number, (object, found))| {
            object.row(number, &[found.oid.as_deref(), found.belongings.as_deref()])
        })
        .collect();
    (!rows.is_empty()).then(|| {
        quoted_block(&format!(
            "DECLARE again text;\nBEGIN\n  FOR again IN SELECT seen.belongings\n    FROM (VALUES {}) AS seen (number, relation, \
             routine, oid, belongings)\n   WHERE ({NUMBER})::text <> seen.oid\n  LOOP EXECUTE again; END LOOP;\nEND\n",
            rows.join(",\n                 ")
        ))
    })
}

/// A body as `DO`, in quotes that it does not have itself.
pub(super) fn quoted_block(body: &str) -> String {
    let mut tag = "$trueup$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("DO {tag}\n{body}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::catalog::Kind;

    #[test]
    fn a_part_of_a_relation_is_guarded_with_it() {
        let column = ObjectId::under(Kind::Column, "public", "users", "Email");
        assert_eq!(Guarded::of(&column), Some(Guarded::Relation("public.users".into())));
        let function = ObjectId::routine(Kind::Function, "public", "f", "bigint");
        assert_eq!(Guarded::of(&function), Some(Guarded::Routine("public.f(bigint)".into())));
        assert_eq!(Guarded::of(&ObjectId::bare(Kind::Schema, "app")), None);
    }

    #[test]
    fn a_block_names_what_it_saw() {
        let users = Guarded::Relation("public.it's".into());
        let found = SeenObject { state: Some("abc".to_owned()), ..SeenObject::default() };
        let seen = SeenObjects::from([(users.clone(), found)]);
        let block = block([&users], &seen, "").expect("a block");
        assert!(block.contains("(0, 'public.it''s'::text, NULL::text, 'abc'::text)"), "{block}");
        assert!(super::block([], &seen, "").is_none() && question(&[]).is_none());
    }
}
