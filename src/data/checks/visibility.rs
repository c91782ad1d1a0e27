//! What keeps a role from seeing all that a check is about: a right that it lacks, a policy that hides rows from it, a
//! function that switches row security on again.

use anyhow::{Result, bail};
use serde::Serialize;

use super::CheckQuery;
use crate::postgres::connection::Row;
use crate::postgres::sql::{literal, split_qualified, words_of};

const BEHIND: &str = include_str!("sql/behind.sql");

/// One thing in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum VisibilityGap {
    /// The role may not read a relation.
    Right {
        /// Qualified and quoted.
        relation: String,
    },
    /// Policies decide which of its rows the role sees.
    Policy {
        /// Qualified and quoted.
        relation: String,
        /// Their names, quoted; none: no row is shown at all.
        policies: String,
    },
    /// A function that switches row security on for itself: rows may be hidden from it that nobody hears of.
    Function {
        /// With its argument types.
        function: String,
        /// `row_security=on`
        setting: String,
    },
    /// A right that only the server's refusal tells of.
    Denied {
        /// What the server said.
        said: String,
    },
}

impl VisibilityGap {
    /// In words, for a role.
    pub fn told(&self) -> String {
        match self {
            Self::Right { relation } => format!("this role may not read {relation}"),
            Self::Policy { relation, policies } if policies.is_empty() => {
                format!("row-level security of {relation} shows this role no row")
            }
            Self::Policy { relation, policies } => {
                format!(
                    "row-level security of {relation} decides which rows this role sees (policies: {policies})"
                )
            }
            Self::Function { function, setting } => {
                format!(
                    "the function {function} sets {setting}: rows that are hidden from it cannot be told from none"
                )
            }
            Self::Denied { said } => format!("this role lacks a right: {said}"),
        }
    }

    /// What would take it away.
    pub fn remedy(&self, role: &str) -> String {
        match self {
            Self::Right { relation } => format!("GRANT SELECT ON {relation} TO {role}"),
            Self::Policy { relation, .. } => {
                format!(
                    "work as the owner of {relation} without FORCE, or as a role with BYPASSRLS: [database] set_role"
                )
            }
            Self::Function { function, .. } => {
                format!("check without {function}, or: ALTER FUNCTION {function} RESET row_security")
            }
            Self::Denied { .. } => format!("grant {role} the right that the server names"),
        }
    }
}

/// The statement that looks for what is in the way of these queries, for [`from_row`]. The session's search_path is
/// `pg_catalog, pg_temp`.
pub(super) fn statement<'q>(
    queries: impl Iterator<Item = &'q CheckQuery>,
    table: Option<&str>,
    search_path: &str,
) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in queries.flat_map(|query| words_of(&query.text)) {
        // As SQL reads it: small letters without quotes.
        let name = match word.starts_with('"') {
            true => split_qualified(word).and_then(|mut parts| parts.pop()).map(|name| name.to_string()),
            false => Some(word.to_lowercase()),
        };
        words.extend(name.filter(|name| !words.contains(name)));
    }
    let schemas: Vec<String> =
        search_path.split(',').map(|schema| schema.trim().trim_matches('"').to_owned()).collect();
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
        format!("ARRAY[{}]", names.join(", "))
    };
    BEHIND
        .replace("{schemas}", &list(&schemas))
        .replace("{words}", &list(&words))
        .replace("{table}", table.unwrap_or("0"))
}

/// Reads one row that the statement answers with.
///
/// # Errors
/// When it is not such a row.
pub(super) fn from_row(row: &Row<'_>) -> Result<VisibilityGap> {
    let name: String = row.get("name")?;
    match row.get("kind")? {
        "right" => Ok(VisibilityGap::Right { relation: name }),
        "policy" => {
            // A table with row-level security and no policy shows no row.
            let policies: Option<String> = row.get("detail")?;
            Ok(VisibilityGap::Policy { relation: name, policies: policies.unwrap_or_default() })
        }
        "function" => Ok(VisibilityGap::Function { function: name, setting: row.get("detail")? }),
        other => bail!("{other:?} is no kind of what hides rows"),
    }
}
