//! Which kinds of object a database has, so that no statement is sent that would find nothing: in a fresh session
//! every statement costs its planning, which is most of the time of a small database.

use anyhow::Result;

use crate::postgres::connection::Row;

/// Which kinds of object a database has. A section whose kind is absent is not read.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    pub(super) extensions: bool,
    pub(super) inheritance: bool,
    pub(super) sequences: bool,
    pub(super) rules: bool,
    pub(super) triggers: bool,
    pub(super) routines: bool,
    pub(super) aggregates: bool,
    pub(super) enums: bool,
    pub(super) domains: bool,
    pub(super) ranges: bool,
    pub(super) collations: bool,
    pub(super) policies: bool,
    pub(super) statistics: bool,
    pub(super) event_triggers: bool,
    pub(super) default_privileges: bool,
    pub(super) transforms: bool,
    pub(super) unmodeled: bool,
}

impl Presence {
    /// Reads the row of [`super::probe`].
    ///
    /// # Errors
    /// When it is another row.
    pub fn from_row(row: &Row<'_>) -> Result<Self> {
        let has = |column: &str| row.get::<bool>(column);
        let letters = |column: &str| row.get::<Option<&str>>(column).map(Option::unwrap_or_default);
        let (routines, types) = (letters("routine_kinds")?, letters("type_kinds")?);
        let (named, transforms) = (has("named")?, has("transforms")?);
        Ok(Self {
            extensions: has("extensions")?,
            inheritance: has("inheritance")?,
            sequences: has("sequences")?,
            rules: has("rules")?,
            triggers: has("triggers")?,
            routines: !routines.is_empty(),
            aggregates: routines.contains('a'),
            enums: types.contains('e'),
            domains: types.contains('d'),
            ranges: types.contains('r'),
            collations: named,
            policies: has("policies")?,
            statistics: has("statistics")?,
            event_triggers: has("event_triggers")?,
            default_privileges: has("default_privileges")?,
            transforms,
            unmodeled: has("unmodeled")? || named || transforms || types.contains(['b', 'p']),
        })
    }
}
