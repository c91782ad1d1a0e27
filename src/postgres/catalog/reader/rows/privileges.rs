//! Privileges: one object for each object and grantee. Who granted it is left out, and so is what owners have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use smol_str::SmolStr;

use super::super::ObjectOid;
use super::super::assembler::{Assembler, class, names};
use super::super::fields::Fields;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::sql::identifier;

/// What one grantee has: privilege to columns, which are empty where it is for the whole object.
type Held = BTreeMap<SmolStr, BTreeSet<SmolStr>>;

#[derive(Debug, Default)]
struct Grant {
    held: Held,
    grantable: Held,
}

/// Grants as they were read: a grantee of `None` is PUBLIC.
#[derive(Debug, Default)]
pub(in crate::postgres::catalog::reader) struct Grants {
    objects: BTreeMap<(u32, u32, Option<SmolStr>), Grant>,
    defaults: BTreeMap<SmolStr, Grant>,
}

impl Grant {
    fn add(&mut self, privilege: &str, column: Option<&str>, grantable: bool) {
        for held in [Some(&mut self.held), grantable.then_some(&mut self.grantable)].into_iter().flatten() {
            held.entry(privilege.into()).or_default().extend(column.map(SmolStr::from));
        }
    }
}

impl Grants {
    pub(in crate::postgres::catalog::reader) fn row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (class, oid) = (fields.number()?, fields.number()?);
        let column = fields.optional();
        let grantee = fields.optional().map(SmolStr::from);
        let (privilege, grantable) = (fields.text()?, fields.flag()?);
        // A privilege on a column is told apart from the same one on the whole table.
        let privilege = if column.is_some() { format!("{privilege} (") } else { privilege.to_owned() };
        self.objects.entry((class, oid, grantee)).or_default().add(&privilege, column, grantable);
        Ok(())
    }

    pub(in crate::postgres::catalog::reader) fn default_row(
        &mut self,
        fields: &mut Fields<'_>,
    ) -> Result<()> {
        let (role, schema, letter) = (fields.text()?, fields.optional(), fields.letter()?);
        let grantee = fields.optional();
        let (privilege, grantable) = (fields.optional(), fields.flag()?);
        let objects = match letter {
            b'r' => "TABLES",
            b'S' => "SEQUENCES",
            b'f' => "FUNCTIONS",
            b'T' => "TYPES",
            b'n' => "SCHEMAS",
            _ => "LARGE OBJECTS",
        };
        let mut suffix = format!(" FOR ROLE {}", identifier(role));
        if let Some(schema) = schema {
            let _ = write!(suffix, " IN SCHEMA {}", identifier(schema));
        }
        let _ = write!(suffix, " ON {objects}{}", to(grantee));
        let grant = self.defaults.entry(suffix.into()).or_default();
        if let Some(privilege) = privilege {
            grant.add(privilege, None, grantable);
        }
        Ok(())
    }
}

impl Assembler {
    /// Makes objects of the grants, now that everything has its name.
    pub(in crate::postgres::catalog::reader) fn emit_privileges(&mut self) {
        let grants = std::mem::take(&mut self.grants);
        for ((class, oid, grantee), grant) in grants.objects {
            let Some(subject) = self.subject(class, oid) else { continue };
            let mut suffix = match subject.kind {
                kind if kind.is_routine() => format!("({})", subject.suffix.unwrap_or_default()),
                Kind::Enum | Kind::Domain | Kind::RangeType | Kind::CompositeType => " TYPE".to_owned(),
                _ => String::new(),
            };
            suffix.push_str(&to(grantee.as_deref()));
            let id = ObjectId {
                kind: Kind::Privilege,
                schema: subject.schema,
                relation: None,
                name: subject.name,
                suffix: Some(suffix.into()),
            };
            self.emit_grant(ObjectOid::whole(class, oid), id, &grant);
        }
        for (suffix, grant) in grants.defaults {
            let id =
                ObjectId { suffix: Some(suffix), ..ObjectId::bare(Kind::Privilege, "default_privileges") };
            self.emit_grant(ObjectOid::whole(0, 0), id, &grant);
        }
    }

    fn emit_grant(&mut self, at: ObjectOid, id: ObjectId, grant: &Grant) {
        self.out.set(Attribute::Privileges, printed(&grant.held).unwrap_or_else(|| "none".to_owned()));
        self.out.set_some(Attribute::Grantable, printed(&grant.grantable));
        self.out.emit_nameless(at, id);
    }

    fn subject(&self, class: u32, oid: u32) -> Option<ObjectId> {
        if class == class::CLASS {
            let relation = self
                .own_relation(oid)
                .filter(|relation| matches!(relation.kind, b'r' | b'p' | b'v' | b'm' | b'S'))?;
            return Some(ObjectId::in_schema(Kind::Table, relation.schema.clone(), relation.name.clone()));
        }
        self.out.names.as_ref()?.get(&(class, oid)).cloned()
    }
}

/// ` TO reporting`, or ` TO PUBLIC`: a role of that name is quoted.
fn to(grantee: Option<&str>) -> String {
    format!(" TO {}", grantee.map_or("PUBLIC".into(), identifier))
}

/// `INSERT, SELECT (email, id)`.
fn printed(held: &Held) -> Option<String> {
    let words = held.iter().map(|(privilege, columns)| match privilege.strip_suffix(" (") {
        Some(privilege) => format!("{privilege} ({})", names(columns.iter().map(SmolStr::as_str))),
        None => privilege.to_string(),
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}
