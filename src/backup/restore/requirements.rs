//! Finds what the definitions of an archive require of a server: roles, extensions, tablespaces. Pure.

use std::collections::BTreeSet;

use crate::postgres::sql::{Part, Statement, identifier, split};

/// The names that an archive refers to and does not create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ArchiveRequirements {
    /// The owners of objects.
    pub(super) owners: BTreeSet<String>,
    /// The roles that are granted privileges, or that granted them.
    pub(super) grantees: BTreeSet<String>,
    /// The roles in policies and user mappings. They are parts of a definition and cannot be left out.
    pub(super) named: BTreeSet<String>,
    /// The extensions that are created.
    pub(super) extensions: BTreeSet<String>,
    /// The tablespaces.
    pub(super) tablespaces: BTreeSet<String>,
    /// The session settings that `pg_restore` makes.
    pub(super) settings: BTreeSet<String>,
    /// The statements that give objects to their owners, in the order of the archive.
    pub(super) ownership: Vec<RoleStatement>,
    /// The statements that grant and revoke, in the order of the archive.
    pub(super) privileges: Vec<RoleStatement>,
}

/// A statement about roles that must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleStatement {
    /// The statement.
    pub(super) sql: String,
    /// The roles that it names, or that it is run as.
    pub(super) roles: BTreeSet<String>,
}

/// Names that stand in the place of a role and are no role.
const NO_ROLES: [&str; 4] = ["public", "current_user", "current_role", "session_user"];

impl ArchiveRequirements {
    /// Reads the definitions that `pg_restore --file=-` prints.
    ///
    /// # Errors
    /// The text is not SQL as `pg_dump` writes it.
    pub(super) fn of(script: &str) -> Result<Self, String> {
        let mut needs = Self::default();
        let mut grantor = None;
        for statement in split(script).map_err(|error| error.to_string())? {
            needs.take(&statement, &mut grantor);
        }
        Ok(needs)
    }

    /// All roles that are referred to.
    pub(super) fn roles(&self) -> BTreeSet<&str> {
        let all = self.owners.iter().chain(&self.grantees).chain(&self.named);
        all.map(String::as_str).collect()
    }

    /// `grantor` is the role of the last `SET SESSION AUTHORIZATION`, which a statement that grants runs as.
    fn take(&mut self, statement: &Statement<'_>, grantor: &mut Option<String>) {
        let parts: Vec<Part<'_>> = statement.parts().collect();
        let word = |at: usize, wanted: &str| parts.get(at).is_some_and(|part| part.is(wanted));
        let name = |at: usize| parts.get(at).and_then(Part::name).map(str::to_owned);
        let grants = word(0, "grant") || word(0, "revoke");
        let defaults = word(0, "alter") && word(1, "default") && word(2, "privileges");
        if grants || defaults {
            let mut named = BTreeSet::new();
            if let Some(at) = parts.iter().rposition(|part| part.is("to") || part.is("from")) {
                named.extend(roles(&parts[at + 1..]));
            }
            if defaults && word(3, "for") {
                named.extend(name(5));
            }
            self.grantees.extend(named.iter().cloned());
            named.extend(grantor.clone());
            let sql = match grantor {
                Some(role) => format!(
                    "SET SESSION AUTHORIZATION {}; {}; RESET SESSION AUTHORIZATION",
                    identifier(role),
                    statement.text
                ),
                None => statement.text.to_owned(),
            };
            self.privileges.push(RoleStatement { sql, roles: named });
        } else if word(0, "alter") {
            let end = parts.len();
            if end > 3 && word(end - 3, "owner") && word(end - 2, "to") {
                let owner: BTreeSet<String> = name(end - 1).into_iter().collect();
                self.owners.extend(owner.iter().cloned());
                self.ownership.push(RoleStatement { sql: statement.text.to_owned(), roles: owner });
            }
        } else if word(0, "create") && word(1, "policy") {
            let to = parts.iter().position(|part| part.is("to"));
            let condition = parts.iter().position(|part| part.is("using") || part.is("with"));
            if let Some(to) = to.filter(|to| condition.is_none_or(|condition| *to < condition)) {
                self.named.extend(roles(&parts[to + 1..]));
            }
        } else if word(0, "create") && word(1, "user") && word(2, "mapping") {
            self.named.extend(name(4).filter(|name| !NO_ROLES.contains(&name.as_str())));
        } else if word(0, "create") && word(1, "extension") {
            self.extensions.extend(name(if word(2, "if") { 5 } else { 2 }));
        } else if word(0, "set") && word(1, "session") && word(2, "authorization") {
            let given = match parts.get(3) {
                Some(Part::Literal(text)) => Some((*text).replace("''", "'")),
                _ => name(3).filter(|name| name != "default"),
            };
            self.grantees.extend(given.clone());
            *grantor = given;
        } else if word(0, "reset") && word(1, "session") {
            *grantor = None;
        } else if word(0, "set") && word(1, "default_tablespace") {
            let given = match parts.get(3) {
                Some(Part::Literal(text)) => Some((*text).replace("''", "'")),
                _ => name(3),
            };
            self.tablespaces.extend(given.filter(|name| !name.is_empty()));
        } else if word(0, "set") {
            self.settings.extend(name(1));
        }
    }
}

/// Parses a list of roles: `a, "b c" WITH GRANT OPTION`.
fn roles(parts: &[Part<'_>]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for pair in parts.chunks(2) {
        match pair {
            [Part::Word(word), ..] if NO_ROLES.contains(&word.as_str()) => {}
            [one, ..] => found.extend(one.name().map(str::to_owned)),
            [] => {}
        }
        if !matches!(pair.get(1), Some(Part::Other(","))) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_extensions_and_tablespaces_are_found() {
        let script = r#"SET statement_timeout = 0; SET transaction_timeout = 0;
            SET default_tablespace = ''; SET default_tablespace = 'fast disks';
            CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
            CREATE TABLE public.owner (a text DEFAULT 'owner to x');
            ALTER TABLE public.owner OWNER TO "o ""1";
            CREATE POLICY p ON public.owner FOR SELECT TO reader, "w 2" USING ((a = 'to'::text));
            CREATE POLICY q ON public.owner USING (to_date(a, 'x') IS NULL);
            GRANT SELECT ON TABLE public.owner TO PUBLIC;
            GRANT SELECT(a),UPDATE(a) ON TABLE public.owner TO g1 WITH GRANT OPTION;
            SET SESSION AUTHORIZATION g2; RESET SESSION AUTHORIZATION;
            REVOKE ALL ON SCHEMA public FROM old;
            ALTER DEFAULT PRIVILEGES FOR ROLE g3 IN SCHEMA public GRANT SELECT ON TABLES TO g4;
            ALTER DEFAULT PRIVILEGES FOR ROLE "g 5" REVOKE ALL ON FUNCTIONS FROM PUBLIC;"#;
        let needs = ArchiveRequirements::of(script).unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(needs.owners, set(&["o \"1"]));
        assert_eq!(needs.named, set(&["reader", "w 2"]));
        assert_eq!(needs.grantees, set(&["g 5", "g1", "g2", "g3", "g4", "old"]));
        assert_eq!(needs.extensions, set(&["pg_trgm"]));
        assert_eq!(needs.tablespaces, set(&["fast disks"]));
        assert_eq!(needs.settings, set(&["statement_timeout", "transaction_timeout"]));
        let owner = &needs.ownership[0];
        assert_eq!(
            (owner.sql.as_str(), &owner.roles),
            ("ALTER TABLE public.owner OWNER TO \"o \"\"1\"", &set(&["o \"1"]))
        );
        assert_eq!(needs.privileges.len(), 5);
        assert_eq!(needs.privileges[0].roles, set(&[]));
        assert_eq!(needs.privileges[1].roles, set(&["g1"]));
        assert_eq!(needs.privileges[3].roles, set(&["g3", "g4"]));
        let granted = ArchiveRequirements::of(
            "SET SESSION AUTHORIZATION g2; GRANT SELECT ON TABLE t TO g1; RESET SESSION AUTHORIZATION;",
        )
        .unwrap();
        assert_eq!(granted.privileges[0].roles, set(&["g1", "g2"]));
        assert_eq!(
            granted.privileges[0].sql,
            "SET SESSION AUTHORIZATION g2; GRANT SELECT ON TABLE t TO g1; RESET SESSION AUTHORIZATION"
        );
    }
}
