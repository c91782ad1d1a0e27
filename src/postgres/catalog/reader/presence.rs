//! What a database has at all, so that nothing is asked for that is not there: in a fresh session every statement
//! costs its planning, which is most of the time of a small database.

use anyhow::Result;

use super::fields::Fields;
use crate::postgres::connection::Row;

/// Which sections have anything in them.
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
    /// Reads the row that [`super::probe`] asks for.
    ///
    /// # Errors
    /// When it is not that row.
    pub fn from_row(row: &Row<'_>) -> Result<Self> {
        let mut fields = Fields::new(row);
        let extensions = fields.flag()?;
        let inheritance = fields.flag()?;
        let sequences = fields.flag()?;
        let rules = fields.flag()?;
        let triggers = fields.flag()?;
        // One letter for each routine, as in pg_proc.prokind.
        let routines = fields.optional().unwrap_or_default();
        let types = fields.optional().unwrap_or_default();
        // Collations, languages, and what is not modelled and lives in a schema.
        let named = fields.flag()?;
        let policies = fields.flag()?;
        let statistics = fields.flag()?;
        let event_triggers = fields.flag()?;
        let default_privileges = fields.flag()?;
        let transforms = fields.flag()?;
        Ok(Self {
            extensions,
            inheritance,
            sequences,
            rules,
            triggers,
            routines: !routines.is_empty(),
            aggregates: routines.contains('a'),
            enums: types.contains('e'),
            domains: types.contains('d'),
            ranges: types.contains('r'),
            collations: named,
            policies,
            statistics,
            event_triggers,
            default_privileges,
            transforms,
            unmodeled: fields.flag()? || named || transforms || types.contains(['b', 'p']),
        })
    }
}
