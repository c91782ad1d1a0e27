//! Which statement of a migration names an object.

use std::collections::HashMap;

use crate::migrations::script::ExaminedStatement;
use crate::postgres::sql::names_in;

/// The names that the DDL of a migration uses.
pub(super) struct StatementNames {
    /// The first word of each statement, where it is DDL.
    verbs: Vec<Option<String>>,
    /// The places of the statements that use a name, in their order.
    by_name: HashMap<String, Vec<usize>>,
}

impl StatementNames {
    pub(super) fn of(statements: &[ExaminedStatement<'_>]) -> Self {
        let ddl = |verb: &String| ["create", "alter", "drop"].contains(&verb.as_str());
        let verbs: Vec<_> =
            statements.iter().map(|examined| examined.statement.words().next().filter(ddl)).collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, examined) in statements.iter().enumerate().filter(|(place, _)| verbs[*place].is_some()) {
            for name in names_in(examined.statement.text) {
                let places = by_name.entry(name).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        Self { verbs, by_name }
    }

    /// The place of the first statement with one of these verbs that uses all of these names.
    pub(super) fn first(&self, verbs: &[&str], names: &[&str]) -> Option<usize> {
        let places_of = |name: &&str| self.by_name.get(*name).map_or(&[][..], Vec::as_slice);
        let mut lists: Vec<_> = names.iter().map(places_of).collect();
        lists.sort_by_key(|places| places.len());
        let (rarest, others) = lists.split_first()?;
        rarest.iter().copied().find(|place| {
            self.verbs[*place].as_deref().is_some_and(|verb| verbs.contains(&verb))
                && others.iter().all(|places| places.binary_search(place).is_ok())
        })
    }
}
