//! The kinds of object that a catalog holds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident => $word:literal / $article:literal,)*) => {
        /// What an object is. The order is the order of creation where one kind needs another, and of printing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Kind] = &[$(Kind::$variant,)*];

            /// The word for this kind in JSON, in `trueup.lock` and in the codes of findings.
            pub fn word(self) -> &'static str {
                match self { $(Kind::$variant => $word,)* }
            }

            /// The word for this kind in sentences.
            pub fn spoken(self) -> &'static str {
                match self { $(Kind::$variant => $article,)* }
            }
        }

        impl FromStr for Kind {
            type Err = ();
            fn from_str(word: &str) -> Result<Self, ()> {
                match word { $($word => Ok(Kind::$variant),)* _ => Err(()) }
            }
        }
    };
}

kinds! {
    /// A namespace. `CREATE SCHEMA`.
    Schema => "schema" / "schema",
    /// `CREATE EXTENSION`.
    Extension => "extension" / "extension",
    /// `CREATE COLLATION`.
    Collation => "collation" / "collation",
    /// `CREATE TYPE ... AS ENUM`.
    Enum => "enum" / "enum type",
    /// `CREATE DOMAIN`.
    Domain => "domain" / "domain",
    /// `CREATE TYPE ... AS (...)`.
    CompositeType => "composite_type" / "composite type",
    /// `CREATE TYPE ... AS RANGE`.
    RangeType => "range_type" / "range type",
    /// `CREATE SEQUENCE`, and those that serial and identity columns own.
    Sequence => "sequence" / "sequence",
    /// An ordinary or partitioned table, or a partition.
    Table => "table" / "table",
    /// A column of a table.
    Column => "column" / "column",
    /// `PRIMARY KEY`.
    PrimaryKey => "primary_key" / "primary key",
    /// A `UNIQUE` constraint (a unique index without a constraint is an index).
    Unique => "unique" / "unique constraint",
    /// `CHECK` of a table (those of a domain are attributes of the domain).
    Check => "check" / "check constraint",
    /// `EXCLUDE`.
    Exclusion => "exclusion" / "exclusion constraint",
    /// `FOREIGN KEY`.
    ForeignKey => "foreign_key" / "foreign key",
    /// An index that no constraint owns.
    Index => "index" / "index",
    /// `CREATE STATISTICS`.
    Statistics => "statistics" / "statistics object",
    /// `CREATE VIEW`.
    View => "view" / "view",
    /// `CREATE MATERIALIZED VIEW`.
    MaterializedView => "materialized_view" / "materialized view",
    /// `CREATE FUNCTION`.
    Function => "function" / "function",
    /// `CREATE PROCEDURE`.
    Procedure => "procedure" / "procedure",
    /// `CREATE AGGREGATE`.
    Aggregate => "aggregate" / "aggregate",
    /// `CREATE TRIGGER`; those of partitions that a parent's trigger made are the parent's.
    Trigger => "trigger" / "trigger",
    /// `CREATE EVENT TRIGGER`.
    EventTrigger => "event_trigger" / "event trigger",
    /// `CREATE POLICY`.
    Policy => "policy" / "policy",
    /// `CREATE RULE`, without the rule that makes a view.
    Rule => "rule" / "rule",
    /// What one role may do with one object, or will by default with new ones.
    Privilege => "privilege" / "privilege",
}

impl Kind {
    /// Whether objects of this kind are named under a relation: `schema.relation.name`.
    pub fn is_under_relation(self) -> bool {
        matches!(
            self,
            Kind::Column
                | Kind::PrimaryKey
                | Kind::Unique
                | Kind::Check
                | Kind::Exclusion
                | Kind::ForeignKey
                | Kind::Trigger
                | Kind::Policy
                | Kind::Rule
        )
    }

    /// Whether objects of this kind are constraints of a table.
    pub fn is_constraint(self) -> bool {
        matches!(self, Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey)
    }

    /// Whether the code of an application uses objects of this kind by their names.
    pub fn is_used_by_code(self) -> bool {
        self.is_routine()
            || matches!(
                self,
                Self::Schema
                    | Self::Table
                    | Self::Column
                    | Self::View
                    | Self::MaterializedView
                    | Self::Sequence
                    | Self::Enum
                    | Self::Domain
                    | Self::CompositeType
                    | Self::RangeType
            )
    }

    /// Whether objects of this kind are named with their argument types.
    pub fn is_routine(self) -> bool {
        matches!(self, Kind::Function | Kind::Procedure | Kind::Aggregate)
    }

    /// Whether objects of this kind stand outside every schema.
    pub fn is_bare(self) -> bool {
        matches!(self, Kind::Schema | Kind::Extension | Kind::EventTrigger)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
