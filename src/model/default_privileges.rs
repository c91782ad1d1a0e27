//! ALTER DEFAULT PRIVILEGES in the scratch server, where another role creates the objects than in production.
//!
//! Without FOR ROLE the statement is about the role that runs it, which has another name here: the catalog names it
//! `CURRENT_USER`, which SQL understands, too. With FOR ROLE it changes what objects of that role get. Where the project
//! names one role there, that is the role which applies its migrations: here its objects belong to the scratch server's
//! role, which therefore gets the same default privileges.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use anyhow::Result;
use smol_str::SmolStr;

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::connection::Session;
use crate::postgres::sql::{Part, Statement, identifier, split_qualified};

/// The role that runs a statement, as SQL names it.
const CURRENT: &str = "CURRENT_USER";
const NAME: &str = "default_privileges";
const FOR_ROLE: &str = " FOR ROLE ";

/// The statements that take all default privileges back, in their order: what every grantee has, then what it has anyway.
const CLEAR: &str = "\
    WITH defaults AS (
        SELECT defaclrole, defaclnamespace, defaclacl,
            pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', pg_catalog.pg_get_userbyid(defaclrole))
                || coalesce(' IN SCHEMA ' || pg_catalog.quote_ident(nspname), '') AS prefix,
            CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS objects,
            CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype END AS kind
        FROM pg_catalog.pg_default_acl LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = defaclnamespace
    ), changes AS (
        SELECT 1 AS step, prefix, 'REVOKE ALL' AS what, objects, 'FROM' AS word, grantee
        FROM defaults, pg_catalog.aclexplode(defaclacl)
        UNION ALL
        SELECT 2, prefix, 'GRANT ' || privilege_type, objects, 'TO', grantee
        FROM defaults, pg_catalog.aclexplode(pg_catalog.acldefault(kind, defaclrole))
        WHERE defaclnamespace = 0
    )
    SELECT DISTINCT step, pg_catalog.concat_ws(' ', prefix, what, 'ON', objects, word, CASE grantee WHEN 0 THEN 'PUBLIC'
        ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END)
    FROM changes ORDER BY step";

/// Takes all default privileges back.
///
/// # Errors
/// Those of the server.
pub(super) async fn clear(session: &mut Session) -> Result<()> {
    let mut statements = Vec::new();
    session
        .message(CLEAR.to_owned(), |_, row| {
            statements.push(row.text(1).unwrap_or_default().to_owned());
            Ok(())
        })
        .await?;
    match statements.is_empty() {
        true => Ok(()),
        false => session.execute(statements.join(";\n")).await,
    }
}

/// What the statements of a project say of default privileges.
#[derive(Debug, Clone, Default)]
pub(super) struct DefaultPrivileges {
    /// The roles that FOR ROLE names.
    roles: BTreeSet<String>,
}

impl DefaultPrivileges {
    /// Reads all statements of a project.
    pub(super) fn of<'s>(statements: impl Iterator<Item = &'s Statement<'s>>) -> Self {
        Self { roles: statements.filter_map(target).flat_map(|target| target.roles).collect() }
    }

    /// The role that applies the migrations, where FOR ROLE names one.
    fn role(&self) -> Option<&String> {
        self.roles.first().filter(|_| self.roles.len() == 1)
    }

    /// The statement for the scratch server's own role, where this one is for the role that applies the migrations.
    pub(super) fn for_own_role(&self, statement: &Statement<'_>) -> Option<String> {
        let target = target(statement)?;
        let role = self.role()?;
        target.roles.contains(role).then(|| {
            let text = statement.text;
            format!("{}{CURRENT}{}", &text[..target.start], &text[target.end..])
        })
    }

    /// Names the scratch server's role `CURRENT_USER`, and leaves out what it got in the place of another role.
    pub(super) fn rename_own_role(&self, catalog: &mut Catalog, own_role: &str) {
        if self.roles.contains(own_role) {
            return;
        }
        let own = format!("{FOR_ROLE}{} ", identifier(own_role));
        let objects = catalog.objects.iter().filter_map(|object| {
            let Some(rest) = suffix(&object.id).and_then(|suffix| suffix.strip_prefix(own.as_str())) else {
                return Some(object.clone());
            };
            let twin = self.role().map(|role| with_role(object, &identifier(role), rest));
            let is_copy = twin.is_some_and(|twin| catalog.get(&twin.id).is_some());
            (!is_copy).then(|| with_role(object, CURRENT, rest))
        });
        *catalog = Catalog::new(objects.collect(), catalog.unmodeled.clone());
    }
}

/// The roles after FOR ROLE without the one that runs the statement, and the place of all names.
struct Target {
    roles: Vec<String>,
    start: usize,
    end: usize,
}

fn target(statement: &Statement<'_>) -> Option<Target> {
    if !statement.starts_with(&["alter", "default", "privileges"]) {
        return None;
    }
    let mut target = Target { roles: Vec::new(), start: 0, end: 0 };
    let mut parts = statement.placed_parts().skip(3).peekable();
    if parts.next_if(|(_, part)| part.is("for")).is_none() {
        return Some(target);
    }
    // ROLE or USER.
    parts.next();
    while let Some((place, part)) = parts.next() {
        if target.end == 0 {
            target.start = place.start;
        }
        target.end = place.end;
        let is_own = ["current_user", "current_role", "session_user"].iter().any(|word| part.is(word));
        if !is_own {
            target.roles.push(part.name()?.to_owned());
        }
        if parts.next_if(|(_, part)| matches!(part, Part::Other(","))).is_none() {
            break;
        }
    }
    Some(target)
}

/// The role of the database whose default privileges are most like those that the model has of `CURRENT_USER`: the role that
/// applies the migrations there.
pub(super) fn role_in(live: &Catalog, model: &Catalog) -> Option<String> {
    let wanted: HashSet<&str> = model.objects.iter().filter_map(|object| of_current_role(object)).collect();
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    for object in live.objects.iter().filter(|_| !wanted.is_empty()) {
        let Some(named) = suffix(&object.id).and_then(|suffix| suffix.strip_prefix(FOR_ROLE)) else {
            continue;
        };
        let ends = named.match_indices(' ').filter(|(at, _)| wanted.contains(&named[at + 1..]));
        for (at, _) in ends.filter(|_| model.get(&object.id).is_none()) {
            *alike.entry(&named[..at]).or_default() += 1;
        }
    }
    alike.into_iter().max_by_key(|(_, count)| *count).map(|(role, _)| role.to_owned())
}

/// The default privileges of `CURRENT_USER` in a state of the project as those of this role. `None` where it has none.
pub(super) fn align_role(state: &Catalog, role: &str) -> Option<Catalog> {
    state.objects.iter().find_map(|object| of_current_role(object))?;
    let objects = state.objects.iter().map(|object| match of_current_role(object) {
        Some(rest) => with_role(object, role, rest),
        None => object.clone(),
    });
    Some(Catalog::new(objects.collect(), state.unmodeled.clone()))
}

/// What follows the role, where an object is default privileges of `CURRENT_USER`.
fn of_current_role(object: &Object) -> Option<&str> {
    suffix(&object.id)?.strip_prefix(FOR_ROLE)?.strip_prefix(CURRENT)?.strip_prefix(' ')
}

/// Default privileges of a role that FOR ROLE names.
#[derive(Debug)]
pub(super) struct DefaultGrant<'c> {
    /// The role, as SQL names it.
    pub(super) role: &'c str,
    /// The schema that they are for; all schemas where there is none.
    pub(super) schema: Option<SmolStr>,
    /// `TABLES`, `FUNCTIONS`, ...
    pub(super) objects: &'c str,
    /// The role that gets them, as SQL names it.
    pub(super) grantee: &'c str,
    /// The privileges that are given.
    pub(super) gives: Vec<&'c str>,
    /// Those of them that are given with grant option.
    pub(super) gives_with_grant: Vec<&'c str>,
    /// What PUBLIC has of new functions and types, where that is taken away.
    pub(super) takes: Option<&'static str>,
}

/// The default privileges of all roles that FOR ROLE names.
pub(super) fn of_named_roles(catalog: &Catalog) -> impl Iterator<Item = DefaultGrant<'_>> {
    catalog.objects.iter().filter_map(|object| {
        let (rest, grantee) = suffix(&object.id)?.strip_prefix(FOR_ROLE)?.rsplit_once(" TO ")?;
        let (rest, objects) = rest.rsplit_once(" ON ")?;
        let (role, schema) = match rest.split_once(" IN SCHEMA ") {
            Some((role, schema)) => (role, split_qualified(schema)?.pop()),
            None => (rest, None),
        };
        let list = |attribute| -> Vec<&str> {
            let list = object.get(attribute).unwrap_or_default().split(", ");
            list.filter(|privilege| !privilege.is_empty() && *privilege != "none").collect()
        };
        let takes = object.is(Attribute::Privileges, "none").then_some(match objects {
            "FUNCTIONS" => "EXECUTE",
            _ => "USAGE",
        });
        let (gives, gives_with_grant) = (list(Attribute::Privileges), list(Attribute::Grantable));
        (role != CURRENT).then_some(DefaultGrant {
            role,
            schema,
            objects,
            grantee,
            gives,
            gives_with_grant,
            takes,
        })
    })
}

fn suffix(id: &ObjectId) -> Option<&str> {
    if id.kind == Kind::Privilege && id.schema.is_none() && id.name == NAME {
        id.suffix.as_deref()
    } else {
        None
    }
}

fn with_role(object: &Object, role: &str, rest: &str) -> Arc<Object> {
    let suffix = Some(format!("{FOR_ROLE}{role} {rest}").into());
    Arc::new(Object { id: ObjectId { suffix, ..object.id.clone() }, attributes: object.attributes.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn own(all: &str, one: usize) -> Option<String> {
        let statements = split(all).unwrap();
        DefaultPrivileges::of(statements.iter()).for_own_role(&statements[one])
    }

    #[test]
    fn what_is_for_the_one_role_is_for_the_own_role_too() {
        let one = "ALTER DEFAULT PRIVILEGES FOR ROLE \"o 1\" IN SCHEMA s GRANT SELECT ON TABLES TO r; \
                   ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO r";
        let expected =
            "ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER IN SCHEMA s GRANT SELECT ON TABLES TO r";
        assert_eq!(own(one, 0).as_deref(), Some(expected));
        assert_eq!(own(one, 1), None);
        let current = "ALTER DEFAULT PRIVILEGES FOR ROLE CURRENT_USER GRANT SELECT ON TABLES TO r";
        assert_eq!(own(&format!("{current}; {one}"), 0), None);
        let several = "ALTER DEFAULT PRIVILEGES FOR USER a, b REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC";
        assert_eq!(own(several, 0), None);
    }

    #[test]
    fn the_role_that_has_them_gives_its_name() {
        let object = |suffix: &str| {
            let id = ObjectId { suffix: Some(suffix.into()), ..ObjectId::bare(Kind::Privilege, NAME) };
            Arc::new(Object { id, attributes: Default::default() })
        };
        let catalog =
            |suffixes: &[&str]| Catalog::new(suffixes.iter().map(|text| object(text)).collect(), Vec::new());
        let model =
            catalog(&[" FOR ROLE CURRENT_USER ON TABLES TO r", " FOR ROLE CURRENT_USER ON TYPES TO r"]);
        let live = catalog(&[" FOR ROLE \"o 1\" ON TABLES TO r"]);
        let aligned = align_role(&model, &role_in(&live, &model).unwrap()).unwrap();
        let names: Vec<_> =
            aligned.objects.iter().map(|object| object.id.suffix.as_deref().unwrap()).collect();
        assert_eq!(names, [" FOR ROLE \"o 1\" ON TABLES TO r", " FOR ROLE \"o 1\" ON TYPES TO r"]);
        assert!(role_in(&live, &live).is_none());
    }
}
