//! The attributes that objects have: one vocabulary for the reader, the lock file, findings and DDL.
//!
//! A value is text as PostgreSQL prints it under the reader's fixed settings (`search_path = pg_catalog`, so that
//! every user's name is qualified). An attribute at its default is absent. Lists of names are joined with `", "`,
//! names are quoted as SQL needs it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::postgres::sql::{covers_alike, prints_alike};

macro_rules! attributes {
    ($($(#[$doc:meta])* $variant:ident => $word:literal $(= $default:literal)?,)*) => {
        /// One attribute of an object. The order is the order of printing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Attribute { $($(#[$doc])* $variant,)* }

        impl Attribute {
            /// Every attribute.
            pub const ALL: &[Attribute] = &[$(Attribute::$variant,)*];

            /// The attribute's name in JSON and in `trueup.lock`.
            pub fn word(self) -> &'static str {
                match self { $(Attribute::$variant => $word,)* }
            }

            /// What an absent value means; `None` where absence is all there is to say.
            pub fn default(self) -> Option<&'static str> {
                match self { $(Attribute::$variant => attributes!(@default $($default)?),)* }
            }
        }

        impl FromStr for Attribute {
            type Err = ();
            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Attribute::$variant),)* _ => Err(()) }
            }
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

attributes! {
    // --- columns, domains, sequences, types
    /// column, domain, sequence: the type with its modifier, `character varying(255)`.
    Type => "type",
    /// column, domain: `false` for NOT NULL.
    Nullable => "nullable" = "true",
    /// column, domain: the default's expression. Absent for generated and identity columns.
    Default => "default",
    /// column: `always` or `by default`.
    Identity => "identity",
    /// column: the expression of a stored generated column, followed by ` virtual` in a virtual one.
    Generated => "generated",
    /// column, domain, range type: the collation where it is not the type's own.
    Collation => "collation",
    /// column: `plain`, `external`, `extended`, `main`, where it is not the type's own.
    Storage => "storage",
    /// column: `pglz` or `lz4`, where one is set.
    Compression => "compression",
    /// column, statistics object: the statistics target, where one is set. index: `key number = target` joined with
    /// `, `.
    StatisticsTarget => "statistics_target",
    /// column: its number in the table (attnum). Kept for printing; never compared.
    Position => "position",
    /// enum: the labels in order, as SQL literals joined with `, `.
    Labels => "labels",
    /// composite type: `name type [COLLATE c]` joined with `, `.
    Fields => "fields",
    /// composite type, view, materialized view: comments on columns, one `name 'text'` a line, in order.
    ColumnComments => "column_comments",
    /// domain: one `name CHECK (...)[ NOT VALID]` a line, sorted.
    Checks => "checks",
    /// range type: the type it ranges over.
    Subtype => "subtype",
    /// range type: operator class where it is not the subtype's default.
    SubtypeOpclass => "subtype_opclass",
    /// range type: canonical function.
    Canonical => "canonical",
    /// range type: difference function.
    SubtypeDiff => "subtype_diff",
    /// range type: the name of its multirange type.
    Multirange => "multirange",
    /// collation: `icu`, `libc`, `builtin`.
    Provider => "provider",
    /// collation: the locale, or `lc_collate/lc_ctype` where these differ.
    Locale => "locale",
    /// collation: `false` for a nondeterministic one.
    Deterministic => "deterministic" = "true",
    /// collation: ICU tailoring rules.
    CollationRules => "rules",
    /// extension: the version, only where the DDL states one.
    Version => "version",
    /// extension: the schema it is installed in.
    Schema => "schema",
    // --- sequences
    /// sequence: START.
    Start => "start" = "1",
    /// sequence: INCREMENT.
    Increment => "increment" = "1",
    /// sequence: MINVALUE where it is not the type's and direction's default.
    Minimum => "minimum",
    /// sequence: MAXVALUE where it is not the type's and direction's default.
    Maximum => "maximum",
    /// sequence: CACHE.
    Cache => "cache" = "1",
    /// sequence: `true` for CYCLE.
    Cycle => "cycle" = "false",
    /// sequence: the owning column, `schema.table.column`; a serial's or an identity's.
    OwnedBy => "owned_by",
    // --- tables
    /// table, sequence: `unlogged`.
    Persistence => "persistence" = "permanent",
    /// table: `LIST (region)`.
    PartitionBy => "partition_by",
    /// table, index: the parent, for partitions. trigger, constraint: the table whose trigger or constraint made it on a
    /// partition; it is read only where the one is on and the other is off, and has no definition of its own.
    PartitionOf => "partition_of",
    /// table: `FOR VALUES IN ('eu')` or `DEFAULT`.
    Bounds => "bounds",
    /// table: the parents of plain inheritance, in order.
    Inherits => "inherits",
    /// table: the composite type of `CREATE TABLE ... OF`.
    OfType => "of_type",
    /// table, materialized view: access method where it is not `heap`.
    AccessMethod => "access_method" = "heap",
    /// table, index, view, materialized view, column: storage parameters or view options, sorted, joined with `, `.
    Options => "options",
    /// table: `true` with row level security enabled.
    RowSecurity => "row_security" = "false",
    /// table: `true` with row level security forced.
    ForceRowSecurity => "force_row_security" = "false",
    /// table: `nothing`, `full`, or `index NAME`.
    ReplicaIdentity => "replica_identity" = "default",
    /// table, materialized view: the index by which CLUSTER orders the rows.
    ClusterOn => "cluster_on",
    // --- constraints and indexes
    /// primary key, unique, foreign key: the columns, in order; with 18's ` WITHOUT OVERLAPS` after the last or
    /// `PERIOD ` before it. index: the keys as CREATE INDEX lists them, with what is not implied of collation,
    /// operator class and its parameters, and order: `lower(email), tags jsonb_path_ops, at DESC NULLS LAST`.
    Columns => "columns",
    /// primary key, unique, index: INCLUDE columns.
    Include => "include",
    /// index, index of a constraint: access method where it is not `btree`.
    Method => "method" = "btree",
    /// index: `true` for UNIQUE.
    IsUnique => "unique" = "false",
    /// unique, unique index: `true` for NULLS NOT DISTINCT.
    NullsNotDistinct => "nulls_not_distinct" = "false",
    /// index: the WHERE expression.
    Predicate => "predicate",
    /// foreign key: the table referred to.
    References => "references",
    /// foreign key: the columns referred to.
    ReferencedColumns => "referenced_columns",
    /// foreign key: ON UPDATE.
    OnUpdate => "on_update" = "no action",
    /// foreign key: ON DELETE, with its column list where there is one.
    OnDelete => "on_delete" = "no action",
    /// foreign key: `full`.
    Match => "match" = "simple",
    /// constraints: `initially immediate` or `initially deferred` for deferrable ones.
    Deferrable => "deferrable" = "not deferrable",
    /// check: the expression, which may or may not stand in parentheses of its own. statistics: what it covers, as
    /// CREATE STATISTICS says it: `(ndistinct, mcv) ON a, b`, without kinds where it has all of them.
    Expression => "expression",
    /// check: `true` for NO INHERIT. column: `true` for a NOT NULL that is NO INHERIT (18 and later).
    NoInherit => "no_inherit" = "false",
    /// constraint: `false` for NOT VALID. column: `false` for a NOT NULL that is NOT VALID (18 and later). index:
    /// `false` for an invalid one.
    Valid => "valid" = "true",
    /// constraint: `false` for NOT ENFORCED.
    Enforced => "enforced" = "true",
    // --- things with a definition
    /// index: the relation it is on.
    OnTable => "table",
    /// view, materialized view: the query. exclusion, trigger, rule: the printed definition.
    Definition => "definition",
    /// trigger, event trigger, rule: `disabled`, `replica`, `always`. constraint: `disabled`.
    Enabled => "enabled" = "origin",
    /// event trigger: the event.
    Event => "event",
    /// event trigger: tags of its WHEN, as SQL literals joined with `, `.
    Tags => "tags",
    /// event trigger: the function it runs.
    Runs => "function",
    // --- policies
    /// policy: `false` for RESTRICTIVE.
    Permissive => "permissive" = "true",
    /// policy: `select`, `insert`, `update`, `delete`.
    Command => "command" = "all",
    /// policy: the roles.
    Roles => "roles" = "public",
    /// policy: USING.
    Using => "using",
    /// policy: WITH CHECK.
    WithCheck => "with_check",
    // --- routines
    /// routine: all arguments with names, modes and defaults.
    Arguments => "arguments",
    /// function: the result type, `TABLE(...)` and `SETOF` included.
    Returns => "returns",
    /// routine: the language.
    Language => "language",
    /// routine: `immutable` or `stable`.
    Volatility => "volatility" = "volatile",
    /// routine: `definer`.
    Security => "security" = "invoker",
    /// routine: `safe` or `restricted`.
    Parallel => "parallel" = "unsafe",
    /// function: `true` for STRICT.
    Strict => "strict" = "false",
    /// function: `true` for LEAKPROOF.
    Leakproof => "leakproof" = "false",
    /// function: `true` for WINDOW.
    Window => "window" = "false",
    /// routine: COST where it is not the language's default.
    Cost => "cost",
    /// function: ROWS where it is not the default.
    Rows => "rows",
    /// function: planner support function.
    Support => "support",
    /// routine: SET clauses, `name=value`, one a line.
    Settings => "settings",
    /// function: the types that are transformed, `FOR TYPE t` joined with `, `.
    Transforms => "transforms",
    /// routine: `sql standard` where the body is one (`RETURN ...`, `BEGIN ATOMIC ... END`).
    BodyStyle => "body_style" = "string",
    /// routine: the source text, or the SQL-standard body as printed. C: `library, symbol`.
    Body => "body",
    /// aggregate: all of CREATE AGGREGATE's options, `SFUNC = f, STYPE = t, ...`.
    AggregateOptions => "aggregate",
    // --- privileges
    /// privilege: the privileges, sorted, joined with `, `.
    Privileges => "privileges",
    /// privilege: those of them held with grant option.
    Grantable => "grantable",
    // --- all
    /// The owner; read only when the model declares owners.
    Owner => "owner",
    /// COMMENT ON.
    Comment => "comment",
    /// primary key, unique, exclusion: the comment on its index.
    IndexComment => "index_comment",
}

impl Attribute {
    /// Whether a difference in this attribute means anything.
    pub fn is_compared(self) -> bool {
        self != Attribute::Position
    }

    /// Whether the value holds expressions or queries as the server prints them from the trees that it stores.
    fn is_printed(self) -> bool {
        matches!(
            self,
            Attribute::Arguments
                | Attribute::Body
                | Attribute::Bounds
                | Attribute::Checks
                | Attribute::Columns
                | Attribute::Default
                | Attribute::Definition
                | Attribute::Expression
                | Attribute::Generated
                | Attribute::PartitionBy
                | Attribute::Predicate
                | Attribute::Using
                | Attribute::WithCheck
        )
    }

    /// Whether the value is a text of people's, too long for a sentence.
    pub fn is_text(self) -> bool {
        matches!(self, Attribute::Definition | Attribute::Body | Attribute::Comment | Attribute::IndexComment)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The attributes of one object that are not at their defaults, sorted by [`Attribute`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Attributes(Arc<[(Attribute, SmolStr)]>);

/// Attributes that many objects share, kept once: `created_at` is the same in a thousand tables, and columns are most
/// of a catalog.
#[derive(Debug, Default)]
pub struct SharedAttributes(HashSet<Attributes>);

impl SharedAttributes {
    /// The same attributes as they are kept already, or these from now on.
    pub fn share(&mut self, attributes: Attributes) -> Attributes {
        match self.0.get(&attributes) {
            Some(known) => known.clone(),
            None => {
                self.0.insert(attributes.clone());
                attributes
            }
        }
    }
}

impl Attributes {
    /// Sorts what was read, and drops what equals its default.
    pub fn new(mut values: Vec<(Attribute, SmolStr)>) -> Self {
        values.retain(|(attribute, value)| attribute.default() != Some(value.as_str()));
        values.sort_unstable_by_key(|(attribute, _)| *attribute);
        Self(values.into())
    }

    /// The value; an absent one is its default where there is one.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        self.stated(attribute).or(attribute.default())
    }

    /// The value where it is not at its default.
    pub fn stated(&self, attribute: Attribute) -> Option<&str> {
        let found = self.0.binary_search_by_key(&attribute, |(attribute, _)| *attribute);
        found.ok().map(|index| self.0[index].1.as_str())
    }

    /// All that are not at their defaults, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Attribute, &SmolStr)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// Whether two sets of attributes mean the same by an attribute: the values are equal, or differ only in how the server
    /// prints them before and after a reload ([`prints_alike`]), or one is a constant NULL as default and the other none.
    pub fn agree(&self, other: &Self, attribute: Attribute) -> bool {
        let (value, others) = (self.meaning(attribute), other.meaning(attribute));
        if value == others {
            return true;
        }
        match (attribute, value, others) {
            // Any other body is the text that somebody wrote.
            (Attribute::Body, ..)
                if [self, other].iter().any(|one| one.stated(Attribute::BodyStyle).is_none()) =>
            {
                false
            }
            // They are in the order in which somebody made them, which means nothing.
            (Attribute::Settings, Some(value), Some(others)) => {
                let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
                lines(value) == lines(others)
            }
            (Attribute::Expression, Some(value), Some(others)) if covers_alike(value, others) => true,
            (_, Some(value), Some(others)) => attribute.is_printed() && prints_alike(value, others),
            _ => false,
        }
    }

    /// The value, or nothing where it means that: a constant NULL as default.
    pub fn meaning(&self, attribute: Attribute) -> Option<&str> {
        self.get(attribute).filter(|value| !self.is_null_default(attribute, value))
    }

    /// Whether a default is a constant NULL, `NULL::character varying`. Of a domain it is more than that: it hides the
    /// domain's own default. Types of users, which may be domains, have a schema before their names.
    fn is_null_default(&self, attribute: Attribute, value: &str) -> bool {
        let is_own = |name: &str| !name.contains(['.', '"', '\'', '(']);
        attribute == Attribute::Default
            && value.strip_prefix("NULL::").is_some_and(is_own)
            && self.get(Attribute::Type).is_some_and(|name| !name.contains(['.', '"']))
    }

    /// The attributes that are compared and that differ in meaning, in order.
    pub fn differing(&self, other: &Self) -> Vec<Attribute> {
        if self == other {
            return Vec::new();
        }
        let both = self.iter().chain(other.iter()).map(|(attribute, _)| attribute);
        let mut differing: Vec<Attribute> =
            both.filter(|one| one.is_compared() && !self.agree(other, *one)).collect();
        differing.sort_unstable();
        differing.dedup();
        differing
    }

    /// Where they are in memory: the same for objects that share them.
    pub(super) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// As [`Attributes::new`], from a buffer that goes on being used.
    pub fn take(values: &mut Vec<(Attribute, SmolStr)>) -> Self {
        values.retain(|(attribute, value)| attribute.default() != Some(value.as_str()));
        values.sort_unstable_by_key(|(attribute, _)| *attribute);
        Self(values.drain(..).collect())
    }

    /// A copy with one attribute set, or taken away.
    #[must_use]
    pub fn with(&self, attribute: Attribute, value: Option<SmolStr>) -> Self {
        let mut values: Vec<_> = self.0.iter().filter(|(other, _)| *other != attribute).cloned().collect();
        values.extend(value.map(|value| (attribute, value)));
        Self::new(values)
    }
}
