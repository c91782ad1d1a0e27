//! Puts the rows of a reading together to a catalog.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use smol_str::SmolStr;

use super::deferred::{self, DeferredExprs, ExprRef};
use super::fields::Fields;
use super::indexes::{IndexKey, Opclass};
use super::numbering::Numbering;
use super::parts::DisabledPart;
use super::privileges::Grants;
use super::relations::Relation;
use super::sections::{self, Section};
use super::{CatalogReading, ObjectOid, Presence, ReadOptions};
use crate::postgres::catalog::history_tables::HISTORY_TOOLS;
use crate::postgres::catalog::{
    Attribute, Attributes, Catalog, Kind, Object, ObjectId, SharedAttributes, Unmodeled,
};
use crate::postgres::connection::Row;
use crate::postgres::sql::{ChosenHistory, identifier};

/// The oids of system catalogs, the same in every database of every version.
pub(super) mod class {
    pub(crate) const TYPE: u32 = 1247;
    pub(crate) const PROC: u32 = 1255;
    pub(crate) const CLASS: u32 = 1259;
    pub(crate) const CONSTRAINT: u32 = 2606;
    pub(crate) const NAMESPACE: u32 = 2615;
    pub(crate) const REWRITE: u32 = 2618;
    pub(crate) const TRIGGER: u32 = 2620;
    pub(crate) const EXTENSION: u32 = 3079;
    pub(crate) const POLICY: u32 = 3256;
    pub(crate) const STATISTIC_EXT: u32 = 3381;
    pub(crate) const COLLATION: u32 = 3456;
    pub(crate) const EVENT_TRIGGER: u32 = 3466;
}

/// Oids below it are of the server's own objects (`FirstNormalObjectId`).
pub(super) const FIRST_NORMAL_OID: u32 = 16384;

/// The oid of the schema public, unless it was dropped and created again.
const PUBLIC_SCHEMA: u32 = 2200;

/// The comment that initdb sets on the schema public.
const INITIAL_COMMENT: &str = "standard public schema";

/// A schema: its name, and whether its objects are left out of the catalog.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) name: SmolStr,
    pub(super) hidden: bool,
    pub(super) owner: u32,
}

/// Takes the rows of [`super::statements`] and makes a [`Catalog`] of them. A row that refers to something that the
/// reading has not seen is ignored: the catalog was then changed meanwhile, which [`super::fingerprint`] shows.
#[derive(Debug)]
pub struct Assembler {
    /// The sections that are read, in the order of their statements.
    sections: Vec<&'static Section>,
    pub(super) extension_versions: Vec<String>,
    /// The history table that the project chose.
    pub(super) history: Option<ChosenHistory>,
    pub(super) schemas: HashMap<u32, Schema>,
    pub(super) parents: HashMap<u32, Vec<u32>>,
    /// The access methods that initdb did not create.
    methods: HashMap<u32, SmolStr>,
    /// The labels of enum types, as literals, in their order.
    pub(super) labels: HashMap<u32, Vec<String>>,
    /// The checks of domains: name and expression.
    pub(super) domain_checks: HashMap<u32, Vec<(SmolStr, SmolStr)>>,
    pub(super) languages: HashMap<u32, SmolStr>,
    /// The storage parameters of TOAST tables.
    pub(super) toast_parameters: HashMap<u32, Vec<SmolStr>>,
    /// The constraints whose triggers are disabled.
    pub(super) disabled: HashSet<u32>,
    pub(super) disabled_parts: Vec<DisabledPart>,
    pub(super) opclasses: HashMap<u32, Opclass>,
    pub(super) default_opclasses: HashSet<(u32, u32)>,
    pub(super) relations: Vec<Relation>,
    pub(super) relation_by_oid: HashMap<u32, usize>,
    pub(super) index_keys: HashMap<(u32, i16), IndexKey>,
    pub(super) constraint_indexes: HashMap<u32, Draft>,
    pub(super) numbering: Numbering,
    pub(super) aggregates: HashMap<u32, SmolStr>,
    /// The columns whose NOT NULL constraint is NOT VALID or NO INHERIT, and the attribute that says so.
    pub(super) not_null: Vec<(u32, i16, Attribute, &'static str)>,
    pub(super) grants: Grants,
    pub(super) questions: DeferredExprs,
    /// The default expressions, by relation and column.
    pub(super) defaults: HashMap<(u32, i16), ExprRef>,
    pub(super) out: ObjectBuilder,
}

/// An object that a later row completes.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) at: ObjectOid,
    pub(super) id: ObjectId,
    pub(super) attributes: Vec<(Attribute, SmolStr)>,
}

/// The objects built so far, and the attributes of the next one.
#[derive(Debug, Default)]
pub(super) struct ObjectBuilder {
    objects: Vec<Arc<Object>>,
    oids: Option<HashMap<ObjectId, ObjectOid>>,
    comments: HashMap<ObjectOid, SmolStr>,
    long_texts: HashSet<SmolStr>,
    of_columns: SharedAttributes,
    pending: Vec<(Attribute, SmolStr)>,
    /// Whether a value of the next object is deferred (see [`ExprRef`]).
    is_deferred: bool,
    /// The indexes of the objects with deferred values.
    late: Vec<u32>,
    pub(super) unmodeled: Vec<Unmodeled>,
    /// The names of routines, types and schemas, which are kept only when privileges are read.
    pub(super) names: Option<HashMap<(u32, u32), ObjectId>>,
}

impl ObjectOid {
    /// The address of a whole object, not of a column.
    pub(super) fn whole(class: u32, oid: u32) -> Self {
        Self { class, oid, subid: 0 }
    }
}

impl ObjectBuilder {
    /// Sets an attribute of the next object.
    pub(super) fn set(&mut self, attribute: Attribute, value: impl Into<SmolStr>) {
        self.pending.push((attribute, value.into()));
    }

    /// Sets an attribute whose value contains an [`ExprRef`].
    pub(super) fn set_deferred(&mut self, attribute: Attribute, value: impl Into<SmolStr>) {
        self.is_deferred = true;
        self.set(attribute, value);
    }

    /// Sets an attribute if it has a value.
    pub(super) fn set_some(&mut self, attribute: Attribute, value: Option<impl Into<SmolStr>>) {
        if let Some(value) = value {
            self.set(attribute, value);
        }
    }

    /// Sets a flag, `true` or `false`, unless it has its default value.
    pub(super) fn set_flag(&mut self, attribute: Attribute, value: bool) {
        let word = if value { "true" } else { "false" };
        if attribute.default() != Some(word) {
            self.set(attribute, SmolStr::new_static(word));
        }
    }

    /// Sets a text that many objects share, such as a type: long texts are stored once.
    pub(super) fn set_shared(&mut self, attribute: Attribute, value: &str) {
        let text = SmolStr::new(value);
        if !text.is_heap_allocated() {
            return self.set(attribute, text);
        }
        let text = match self.long_texts.get(value) {
            Some(known) => known.clone(),
            None => {
                self.long_texts.insert(text.clone());
                text
            }
        };
        self.set(attribute, text);
    }

    /// Removes the attributes that were set so far, to be restored by [`ObjectBuilder::resume`].
    pub(super) fn take(&mut self) -> Vec<(Attribute, SmolStr)> {
        self.is_deferred = false;
        self.pending.drain(..).collect()
    }

    /// Restores attributes that [`ObjectBuilder::take`] has removed.
    pub(super) fn resume(&mut self, attributes: Vec<(Attribute, SmolStr)>) {
        self.is_deferred |= attributes.iter().any(|(_, value)| deferred::is_deferred(value));
        self.pending.extend(attributes);
    }

    /// Takes the comment of an object.
    pub(super) fn comment(&mut self, at: ObjectOid) -> Option<SmolStr> {
        if self.comments.is_empty() { None } else { self.comments.remove(&at) }
    }

    /// Replaces the deferred values by what the server has printed.
    fn fill_in(&mut self, questions: &DeferredExprs) {
        // Attributes that several objects share are filled in once; their address in memory identifies them.
        let mut filled: HashMap<usize, (Attributes, Attributes)> = HashMap::new();
        for index in std::mem::take(&mut self.late) {
            let object = self.objects.get_mut(index as usize).and_then(Arc::get_mut);
            let Some(object) = object else { continue };
            if object.id.kind == Kind::Column {
                let was = object.attributes.clone();
                let (_, now) = filled.entry(was.address()).or_insert_with(|| {
                    let now = questions.fill_in(&was);
                    (was, now)
                });
                object.attributes = now.clone();
            } else {
                object.attributes = questions.fill_in(&object.attributes);
            }
        }
    }

    /// Builds the object from the attributes that were set, with its comment.
    pub(super) fn emit(&mut self, at: ObjectOid, id: ObjectId) {
        let comment = self.comment(at);
        self.set_some(Attribute::Comment, comment);
        if let Some(names) = &mut self.names
            && matches!(at.class, class::PROC | class::TYPE | class::NAMESPACE)
        {
            names.insert((at.class, at.oid), id.clone());
        }
        self.emit_nameless(at, id);
    }

    /// Builds an object of a kind that has no comment; see [`ObjectBuilder::emit`].
    pub(super) fn emit_nameless(&mut self, at: ObjectOid, id: ObjectId) {
        if let Some(oids) = &mut self.oids {
            oids.insert(id.clone(), at);
        }
        let mut attributes = Attributes::take(&mut self.pending);
        if id.kind == Kind::Column {
            attributes = self.of_columns.share(attributes);
        }
        if std::mem::take(&mut self.is_deferred) {
            self.late.extend(u32::try_from(self.objects.len()));
        }
        self.objects.push(Arc::new(Object { id, attributes }));
    }
}

impl Assembler {
    /// Returns an assembler for the rows of [`super::statements`], which is called with the same options and presence.
    pub fn new(options: &ReadOptions, presence: &Presence) -> Self {
        let out = ObjectBuilder {
            oids: options.oids.then(HashMap::new),
            names: options.privileges.then(HashMap::new),
            ..ObjectBuilder::default()
        };
        Self {
            sections: sections::needed(options, presence),
            extension_versions: options.extension_versions.clone(),
            history: options.history.clone(),
            schemas: HashMap::new(),
            parents: HashMap::new(),
            methods: HashMap::new(),
            labels: HashMap::new(),
            domain_checks: HashMap::new(),
            languages: HashMap::new(),
            toast_parameters: HashMap::new(),
            disabled: HashSet::new(),
            disabled_parts: Vec::new(),
            opclasses: HashMap::new(),
            default_opclasses: HashSet::new(),
            relations: Vec::new(),
            relation_by_oid: HashMap::new(),
            index_keys: HashMap::new(),
            constraint_indexes: HashMap::new(),
            numbering: Numbering::default(),
            aggregates: HashMap::new(),
            not_null: Vec::new(),
            grants: Grants::default(),
            questions: DeferredExprs::new(options.without_locks),
            defaults: HashMap::new(),
            out,
        }
    }

    /// Takes one row of the statement with that number, counted from 0.
    ///
    /// # Errors
    /// When the row is not what the statement asks for.
    pub fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let section = *self.sections.get(statement).context("a row of a statement that was not sent")?;
        (section.row)(self, &mut Fields::new(row))
            .with_context(|| format!("reading the catalog, section {section:?}"))
    }

    pub(super) fn privilege_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.grants.row(fields)
    }

    pub(super) fn default_privilege_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.grants.default_row(fields)
    }

    /// The statements of the third message, which are sent in the same transaction when the last row of
    /// [`super::statements`] has arrived; there may be none. [`Assembler::answer`] takes their rows.
    pub fn questions(&mut self) -> Vec<String> {
        self.questions.statements()
    }

    /// Takes one row of the statement of [`Assembler::questions`] with that number.
    ///
    /// # Errors
    /// When the row is not what the statement asks for.
    pub fn answer(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        self.questions.answer(statement, &mut Fields::new(row)).context("reading what the server prints")
    }

    /// The columns of a table of the user's own, with the oids of their types, known when the last row of
    /// [`super::statements`] has arrived. `None` when there is no such table.
    pub fn table(&self, schema: &str, name: &str) -> Option<Vec<(SmolStr, u32)>> {
        let table = self.relations.iter().find(|relation| {
            !relation.hidden
                && matches!(relation.kind, b'r' | b'p')
                && relation.name == name
                && relation.schema == schema
        })?;
        let columns = table.columns.iter().filter(|column| !column.name.is_empty());
        Some(columns.map(|column| (column.name.clone(), column.type_oid)).collect())
    }

    /// The oid of a table of which these rows do not show that reading it runs nobody's code: an index, statistics or the
    /// type of a column is not the server's alone, or it has children. See [`UntrustedCode`].
    ///
    /// [`UntrustedCode`]: crate::postgres::catalog::UntrustedCode
    pub fn may_run_code(&self, schema: &str, name: &str) -> Option<u32> {
        let table = self.relations.iter().find(|table| table.name == name && table.schema == schema)?;
        let has_children = || self.parents.values().flatten().any(|parent| *parent == table.oid());
        (!table.is_plain() || has_children()).then(|| table.oid())
    }

    /// The catalog, when the last row was taken.
    pub fn finish(mut self) -> CatalogReading {
        self.emit_disabled_parts();
        for (_, draft) in std::mem::take(&mut self.constraint_indexes) {
            self.out.resume(draft.attributes);
            self.out.emit(draft.at, draft.id);
        }
        self.emit_relations();
        self.questions.resolve_types();
        self.out.fill_in(&self.questions);
        self.describe_not_null();
        self.emit_privileges();
        self.drop_history();
        let ObjectBuilder { objects, oids, mut unmodeled, .. } = self.out;
        unmodeled.sort_unstable();
        CatalogReading { catalog: Catalog::new(objects, unmodeled), oids: oids.unwrap_or_default() }
    }

    /// The schema's name, unless its objects are left out of the catalog.
    pub(super) fn own_schema(&self, oid: u32) -> Option<SmolStr> {
        self.schemas.get(&oid).filter(|schema| !schema.hidden).map(|schema| schema.name.clone())
    }

    /// The relation, unless it is left out of the catalog.
    pub(super) fn own_relation(&self, oid: u32) -> Option<&Relation> {
        self.relation(oid).filter(|relation| !relation.hidden)
    }

    /// The relation, also if it is left out of the catalog.
    pub(super) fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relation_by_oid.get(&oid).map(|index| &self.relations[*index])
    }

    pub(super) fn comment_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let at = ObjectOid { class: fields.number()?, oid: fields.number()?, subid: fields.number()? };
        let text = fields.text()?;
        // The comment of what initdb created with this oid is initdb's.
        let initial = at.oid == PUBLIC_SCHEMA && (at.class != class::NAMESPACE || text == INITIAL_COMMENT);
        if !initial {
            self.out.comments.insert(at, text.into());
        }
        Ok(())
    }

    pub(super) fn inherits_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (child, parent) = (fields.number()?, fields.number()?);
        self.parents.entry(child).or_default().push(parent);
        Ok(())
    }

    pub(super) fn schema_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid = fields.number()?;
        let name = SmolStr::new(fields.text()?);
        let owner = fields.optional();
        let of_extension = fields.flag()?;
        let owner_oid = fields.number()?;
        let hidden =
            of_extension || name.starts_with("pg_") || name == "information_schema" || name == "trueup";
        if !hidden {
            // initdb gives the schema public to the bootstrap superuser before 15 (see `runner.rs`), and to this role since.
            let initial = oid == PUBLIC_SCHEMA && owner == Some("pg_database_owner");
            self.out.set_some(Attribute::Owner, owner.filter(|_| !initial));
            self.out
                .emit(ObjectOid::whole(class::NAMESPACE, oid), ObjectId::bare(Kind::Schema, name.clone()));
        }
        self.schemas.insert(oid, Schema { name, hidden, owner: owner_oid });
        Ok(())
    }

    pub(super) fn extension_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let oid = fields.number()?;
        let (name, version, schema) = (fields.text()?, fields.text()?, fields.text()?);
        let owner = fields.optional();
        if self.extension_versions.iter().any(|stated| stated == name) {
            self.out.set(Attribute::Version, version);
        }
        if schema != "pg_catalog" {
            self.out.set(Attribute::Schema, schema);
        }
        self.out.set_some(Attribute::Owner, owner);
        let at = ObjectOid::whole(class::EXTENSION, oid);
        self.out.emit_nameless(at, ObjectId::bare(Kind::Extension, name));
        Ok(())
    }

    pub(super) fn method_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        self.methods.insert(fields.number()?, fields.text()?.into());
        Ok(())
    }

    /// The name of an access method; those of initdb have the same oids in every version (`pg_am.dat`).
    pub(super) fn method(&self, oid: u32) -> Result<SmolStr> {
        Ok(SmolStr::new_static(match oid {
            2 => "heap",
            403 => "btree",
            405 => "hash",
            783 => "gist",
            2742 => "gin",
            3580 => "brin",
            4000 => "spgist",
            _ => return self.methods.get(&oid).cloned().context("an access method that pg_am does not have"),
        }))
    }

    pub(super) fn unmodeled_row(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let (kind, schema, name, rest) =
            (fields.text()?, fields.optional(), fields.optional(), fields.text()?);
        let mut object = String::new();
        if let Some(schema) = schema {
            object.push_str(&identifier(schema));
            object.push('.');
        }
        match name {
            Some(name) if kind == "operator" => object.push_str(name),
            Some(name) => object.push_str(&identifier(name)),
            None => {}
        }
        object.push_str(rest);
        self.out.unmodeled.push(Unmodeled { kind: kind.to_owned(), object });
        Ok(())
    }

    fn describe_not_null(&mut self) {
        for (relation, number, attribute, value) in std::mem::take(&mut self.not_null) {
            let column = self
                .own_relation(relation)
                .and_then(|relation| Some(relation.part(Kind::Column, &relation.column(number)?.name)));
            let Some(id) = column else { continue };
            if let Some(object) = self.out.objects.iter_mut().find(|object| object.id == id) {
                let attributes = object.attributes.with(attribute, Some(value.into()));
                *object = Arc::new(Object { id, attributes });
            }
        }
    }

    /// Removes the objects of history tables that were built before a column identified the table.
    fn drop_history(&mut self) {
        let tables: Vec<&Relation> = self.relations.iter().filter(|relation| relation.history).collect();
        if tables.is_empty() {
            return;
        }
        // A schema that a tool has made for its tables, and that has nothing else.
        let of_tools = |schema: &str| {
            let inside = self.relations.iter().filter(|relation| relation.schema == schema);
            let own = HISTORY_TOOLS.iter().any(|tool| tool.schema == Some(schema));
            own && inside.clone().any(|relation| relation.history)
                && inside
                    .filter(|relation| matches!(relation.kind, b'r' | b'p'))
                    .all(|relation| relation.history)
        };
        let of_history = |id: &ObjectId| {
            if id.kind == Kind::Schema {
                return of_tools(&id.name);
            }
            let name = id.relation.as_ref().unwrap_or(&id.name);
            id.relation.is_some()
                && tables.iter().any(|table| Some(&table.schema) == id.schema.as_ref() && table.name == *name)
        };
        self.out.objects.retain(|object| !of_history(&object.id));
        if let Some(oids) = &mut self.out.oids {
            oids.retain(|id, _| !of_history(id));
        }
    }
}

/// Joins names with `, `, quoted as SQL needs them.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&identifier(name));
    }
    text
}
