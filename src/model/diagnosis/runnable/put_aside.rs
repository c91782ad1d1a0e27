//! The sequences that a column was parted from while others took numbers from them. When everything else is done, who still
//! uses one gets the declared one of its name, and it is dropped.

use std::collections::HashSet;

use super::is_printed;
use super::lookup::LiveLookup;
use crate::findings::Finding;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// Completes the last change of the findings that have one. It is left out where something goes on using the sequence that
/// nothing printed changes.
pub(super) fn finish(findings: &mut [(ObjectId, Finding)], live: &LiveLookup<'_>, model: &Catalog) {
    let changed: HashSet<ObjectId> =
        findings.iter().filter(|(_, finding)| is_printed(finding)).map(|(id, _)| id.clone()).collect();
    let mut finished = findings.iter_mut().map(|(_, finding)| finding);
    while let Some(finding) = finished.find(|finding| finding.remedy.changes.iter().any(is_last)) {
        let mut changes = std::mem::take(&mut finding.remedy.changes);
        changes.retain_mut(|change| !is_last(change) || complete(change, &changed, live, model));
        let advice = finding.remedy.advice.take();
        finding.remedy = std::mem::take(&mut finding.remedy).with_changes(changes);
        finding.remedy.advice = advice;
    }
}

fn is_last(change: &DdlChange) -> bool {
    change.action == DdlAction::Finish
}

/// Adds what makes the users use the declared sequence; `false` where one of them cannot.
fn complete(
    change: &mut DdlChange,
    changed: &HashSet<ObjectId>,
    live: &LiveLookup<'_>,
    model: &Catalog,
) -> bool {
    let Some(sequence) = &change.before else { return false };
    let is_user = |user: &&Object| {
        matches!(user.id.kind, Kind::Column | Kind::View | Kind::MaterializedView)
            && ddl::needs(user).contains(&ddl::printed_name(&sequence.id))
    };
    let users: Vec<&Object> = live.users(sequence).map(|user| &**user).filter(is_user).collect();
    let mut statements = Vec::new();
    for user in users.into_iter().filter(|user| !changed.contains(&user.id)) {
        let Some(statement) = pointed_again(user, model) else { return false };
        statements.push(statement);
    }
    statements.append(&mut change.statements);
    change.statements = statements;
    true
}

/// The statement that makes a column take its numbers from the sequence that now has the name: its default is declared as it
/// is printed.
fn pointed_again(user: &Object, model: &Catalog) -> Option<String> {
    let declared = model.get(&user.id).filter(|_| user.id.kind == Kind::Column)?;
    user.get(Attribute::Default).filter(|default| declared.is(Attribute::Default, default))?;
    let bare = user.attributes.with(Attribute::Default, None);
    ddl::alter(declared, &Object { id: user.id.clone(), attributes: bare }, Attribute::Default)
}
