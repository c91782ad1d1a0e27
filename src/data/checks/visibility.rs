//! Finds out why a role may not see every row that a check is about: it lacks a privilege, a policy hides rows from it, or
//! a function switches row security on again.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde::Serialize;

use super::CheckQuery;
use super::operators::operators_of;
use super::reach::{Called, REACHING, Reaching};
use crate::postgres::catalog::{TableUse, UntrustedCode};
use crate::postgres::connection::Row;
use crate::postgres::sql::{literal, schemas_of_path, split_qualified, words_of};

const NAMED: &str = include_str!("sql/named.sql");
const VISIBILITY: &str = include_str!("sql/visibility.sql");
const SHADOWING: &str = include_str!("sql/shadowing.sql");

/// A reason why a role may not see every row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum VisibilityGap {
    /// The role may not read a relation.
    Right {
        /// The relation, qualified and quoted.
        relation: String,
    },
    /// Policies decide which rows of a relation the role sees.
    Policy {
        /// The relation, qualified and quoted.
        relation: String,
        /// The names of the policies, quoted and separated by commas. Where there are none, no row is visible.
        policies: String,
    },
    /// A function switches row security on for itself, so that policies may silently hide rows from it.
    Function {
        /// The function with its argument types.
        function: String,
        /// The setting of the function: `row_security=on`.
        setting: String,
    },
    /// Reading a relation could run code of a weaker role with this role's rights.
    Code {
        /// What the code is, in words.
        code: String,
        /// What to do about it.
        #[serde(skip)]
        remedy: String,
    },
    /// The server refused a query because a privilege is missing.
    Denied {
        /// The server's error message.
        #[serde(rename = "said")]
        message: String,
    },
}

impl VisibilityGap {
    /// The reason in words, for messages to the role.
    pub fn describe(&self) -> String {
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
            Self::Code { code, .. } => code.clone(),
            Self::Denied { message } => format!("this role lacks a right: {message}"),
        }
    }

    /// What makes the rows visible: a statement, or a sentence. `role` is quoted where SQL needs it; another role is named by
    /// `role_setting`.
    pub fn remedy(&self, role: &str, role_setting: &str) -> String {
        match self {
            Self::Right { relation } => format!("GRANT SELECT ON {relation} TO {role}"),
            Self::Policy { relation, .. } => {
                format!(
                    "work as the owner of {relation} without FORCE, or as a role with BYPASSRLS: {role_setting}"
                )
            }
            Self::Function { function, .. } => {
                format!("check without {function}, or: ALTER FUNCTION {function} RESET row_security")
            }
            Self::Code { remedy, .. } => remedy.clone(),
            Self::Denied { .. } => format!("grant {role} the right that the server names"),
        }
    }
}

/// The statements about these queries, which call these functions: one for [`Obstacle::from_row`], one for
/// [`UntrustedCode::from_row`]. `table` is the oid of the check's table. The session's search_path must be `pg_catalog,
/// pg_temp`.
pub(super) fn statements<'q>(
    queries: impl Iterator<Item = &'q CheckQuery>,
    calls: &[Called],
    table: Option<&str>,
    search_path: &str,
) -> [String; 2] {
    let queries: Vec<&CheckQuery> = queries.collect();
    let mut words: Vec<String> = Vec::new();
    for word in queries.iter().flat_map(|query| words_of(&query.text)) {
        // SQL folds a name without quotes to lower case.
        let name = match word.starts_with('"') {
            true => split_qualified(word).and_then(|mut parts| parts.pop()).map(|name| name.to_string()),
            false => Some(word.to_lowercase()),
        };
        words.extend(name.filter(|name| !words.contains(name)));
    }
    let schemas: Vec<String> = schemas_of_path(search_path).iter().map(ToString::to_string).collect();
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
        format!("ARRAY[{}]", names.join(", "))
    };
    let named = NAMED
        .replace("{schemas}", &list(&schemas))
        .replace("{words}", &list(&words))
        .replace("{table}", table.unwrap_or("0"));
    let visibility = VISIBILITY.replace("{words}", &list(&words)).replace("{table}", table.unwrap_or("0"));
    let relations = format!("ARRAY({named} SELECT oid FROM named WHERE class = 'pg_class'::regclass)");
    let called: Vec<String> = calls.iter().map(|call| call.name.clone()).collect();
    let operators: BTreeSet<String> = queries.iter().flat_map(|query| operators_of(&query.text)).collect();
    let operators: Vec<String> = operators.into_iter().collect();
    let unqualified = calls.iter().filter(|call| !call.qualified).map(|call| call.name.clone());
    let shadowing = SHADOWING
        .replace("{operators}", &list(&operators))
        .replace("{unqualified}", &list(&unqualified.collect::<Vec<_>>()));
    let reaching = REACHING.replace("{words}", &list(&words)).replace("{called}", &list(&called));
    [
        format!("{named}{visibility}UNION ALL\n{shadowing}UNION ALL\n{reaching} ORDER BY 1, 2"),
        UntrustedCode::statement_of(TableUse::Read, &relations),
    ]
}

/// The gap of a relation that is not read.
pub(super) fn of_code(code: &UntrustedCode) -> VisibilityGap {
    VisibilityGap::Code { code: code.sentence(), remedy: code.remedy() }
}

/// The gap of a function that the query could run instead of one of the server's own: itself, or as an operator.
fn shadow(function: &str, owner: &str, operator: Option<&str>) -> VisibilityGap {
    let found = match operator {
        Some(operator) => format!("by {operator}, which stands"),
        None => "which stands".to_owned(),
    };
    VisibilityGap::Code {
        code: format!(
            "the query could run {function} of role {owner}, {found} in the search_path under a name of the server's own"
        ),
        remedy: format!(
            "{}; or take its schema out of [database] search_path; or name the server's own with its schema: \
             pg_catalog.lower(...), OPERATOR(pg_catalog.=)",
            UntrustedCode::remedy_for(function, owner)
        ),
    }
}

/// Why a check may not be run.
pub(super) enum Obstacle {
    /// It may not see every row.
    Gap(VisibilityGap),
    /// It acts outside of its transaction.
    Reaching(Reaching),
}

impl Obstacle {
    /// Reads a row that the first of [`statements`] returns.
    ///
    /// # Errors
    /// The row has other columns or values.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        let name: String = row.get("name")?;
        Ok(match row.get("kind")? {
            "call" => Self::Reaching(Reaching { name: row.get("detail")?, function: name }),
            "right" => Self::Gap(VisibilityGap::Right { relation: name }),
            "policy" => {
                // A table with row-level security and no policy shows no row.
                let policies: Option<String> = row.get("detail")?;
                Self::Gap(VisibilityGap::Policy { relation: name, policies: policies.unwrap_or_default() })
            }
            "shadow" => Self::Gap(shadow(&name, row.get("detail")?, row.get("operator")?)),
            "function" => Self::Gap(VisibilityGap::Function { function: name, setting: row.get("detail")? }),
            other => bail!("{other:?} is no kind of what keeps a check from being run"),
        })
    }
}
