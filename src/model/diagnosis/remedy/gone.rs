//! The statements that drop an object with all that goes for the same reason.

use std::sync::Arc;

use super::super::fold::Group;
use super::carriers;
use crate::postgres::catalog::Object;
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// The changes that drop the objects of a group. What the server drops with another one has no statement of its own. It is told
/// with that one: it needs other things until then, such as a function, or the table that a foreign key refers to.
pub(super) fn changes(group: &Group) -> Vec<DdlChange> {
    let all = [&group.head].into_iter().chain(&group.parts).chain(&group.consequences);
    let gone: Vec<Arc<Object>> = all.filter_map(|member| member.live.clone()).collect();
    let parts = carriers::parts(&gone).into_iter();
    let changes = parts.filter_map(|objects| {
        let statements = vec![ddl::drop(&objects.first()?.id)];
        Some(DdlChange { action: DdlAction::Drop, objects, before: None, statements })
    });
    changes.collect()
}
