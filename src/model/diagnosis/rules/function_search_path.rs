//! `function.search_path`: an index, a check, a generated column or a materialized view uses a function that finds names
//! by the search_path of whoever runs it.

use super::Rule;
use crate::findings::{Change, Remedy, Severity, Sides};
use crate::postgres::ddl::functions_that_find_names;

pub(super) const RULE: Rule = Rule {
    code: "function.search_path",
    help: "An index, a check, a generated column or a materialized view uses a function that names relations, functions \
           or types without their schema and has no SET search_path. A plain pg_restore, which runs with an empty \
           search_path, fails at it, and so may autovacuum's analyze. Declare the function with SET search_path.",
    severity: Severity::Info,
    find: |rule, facts, _, _| {
        let path = &facts.lock.head.settings.search_path;
        let found = functions_that_find_names(facts.live);
        let found = found.into_iter().filter(|(function, _)| (facts.in_scope)(&function.id));
        let findings = found.map(|(function, user)| {
            let id = &function.id;
            let used = format!("used by {} {}", user.id.kind.spoken(), user.id);
            rule.finding(id.kind.word(), id.to_string(), Change::Different)
                .sides(Sides::new(format!("no SET search_path, {used}"), "SET search_path"))
                .remedy(Remedy::advice(format!(
                    "in a migration, and in schema/: ALTER FUNCTION {id} SET search_path = {path}; until then pg_restore \
                     alone may fail at {} {}, and trueup restore goes past it",
                    user.id.kind.spoken(),
                    user.id
                )))
        });
        findings.collect()
    },
};
