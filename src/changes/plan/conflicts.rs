//! Finds the findings that conflict with a plan: objects that were changed by hand and that the plan would change,
//! too.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use super::left::is_finding_left;
use super::{Direction, MigrationPlan};
use crate::findings::{CauseKind, Change, Finding};
use crate::model::{Effect, Lock};
use crate::postgres::catalog::{Attribute, Kind, ObjectId};

/// The findings of cause drift, edited or unknown (their own or of an attribute) that touch what the plan changes:
/// - of the very object, or of one whose name the plan needs;
/// - of a whole object that is missing or unexpected, where the plan changes a part of it;
/// - of a part, where the plan drops or renames what it is a part of.
///
/// A cause that is unknown only because a step was skipped is no conflict: the plan repairs that on the way up, and
/// does not depend on it on the way down. Steps that are recorded without being run conflict with nothing; see
/// [`MigrationPlan::without`].
pub fn collisions<'f>(plan: &MigrationPlan, findings: &'f [Finding], lock: &Lock) -> Vec<&'f Finding> {
    let touches: Vec<TouchedObject<'_>> =
        effects(plan, lock).flat_map(|effect| TouchedObject::of(effect, plan.direction)).collect();
    let steps: BTreeSet<String> = plan.steps.iter().map(|step| step.version.to_string()).collect();
    let collides = |finding: &&Finding| {
        is_by_hand(finding, plan.direction, &steps)
            && !is_finding_left(finding, &plan.left)
            && Conflict::of(finding, lock).is_some_and(|found| touches.iter().any(|touch| found.meets(touch)))
    };
    findings.iter().filter(collides).collect()
}

fn effects<'l>(plan: &'l MigrationPlan, lock: &'l Lock) -> impl Iterator<Item = &'l Effect> {
    plan.steps.iter().flat_map(|step| &lock.migrations[step.index].effects)
}

fn is_by_hand(finding: &Finding, direction: Direction, steps: &BTreeSet<String>) -> bool {
    finding.causes().any(|cause| match cause.kind {
        CauseKind::Drift | CauseKind::Edited => true,
        // The missing effect of a skipped migration is nobody's manual change: an upgrade creates it, and a downgrade
        // verifies that it ends where it would have ended without it.
        CauseKind::Unknown => match direction {
            Direction::Up => cause.migration.as_ref().is_none_or(|version| !steps.contains(version)),
            Direction::Down => cause.migration.is_none(),
        },
        _ => false,
    })
}

/// One object that the plan changes.
struct TouchedObject<'e> {
    id: &'e ObjectId,
    /// The object is dropped or renamed, together with its parts.
    whole: bool,
    /// The plan creates an object of this name.
    takes_name: bool,
    /// The table, if the object is an index.
    table: Option<&'e str>,
}

impl<'e> TouchedObject<'e> {
    fn of(effect: &'e Effect, direction: Direction) -> Vec<Self> {
        let touch = |id, whole, takes_name, table| Self { id, whole, takes_name, table };
        // A downgrade drops what was created and creates what was dropped.
        let down = direction == Direction::Down;
        match effect {
            Effect::Created(object) => {
                vec![touch(&object.id, down, !down, object.get(Attribute::OnTable))]
            }
            Effect::Changed { after, .. } => {
                vec![touch(&after.id, false, false, after.get(Attribute::OnTable))]
            }
            Effect::Renamed { from, to } => {
                vec![touch(from, true, down, None), touch(to, true, !down, None)]
            }
            Effect::Dropped(id) => vec![touch(id, !down, down, None)],
        }
    }
}

/// The object of a finding.
struct Conflict {
    id: ObjectId,
    /// Whether the whole object is missing or unexpected.
    whole: bool,
    /// The table of an index, where the model has the index.
    table: Option<String>,
}

impl Conflict {
    /// `None` for findings of a migration or of the database.
    fn of(finding: &Finding, lock: &Lock) -> Option<Self> {
        let kind = Kind::from_str(finding.kind).ok()?;
        let id = ObjectId::parse(kind, &finding.object)?;
        let object = lock.model.get(&id);
        let table = object.and_then(|object| object.get(Attribute::OnTable)).map(str::to_owned);
        Some(Self { id, whole: finding.change != Change::Different, table })
    }

    fn meets(&self, touch: &TouchedObject<'_>) -> bool {
        self.id == *touch.id
            || touch.takes_name && self.id.kind != touch.id.kind && same_name(&self.id, touch.id)
            || self.whole && contains(&self.id, touch.id, touch.table)
            || touch.whole && contains(touch.id, &self.id, self.table.as_deref())
    }
}

/// Whether `inner` is a part of `outer`; `table` is the one that `inner` is an index of.
pub(super) fn contains(outer: &ObjectId, inner: &ObjectId, table: Option<&str>) -> bool {
    match outer.kind {
        Kind::Schema => inner.schema.as_ref() == Some(&outer.name),
        Kind::Table | Kind::View | Kind::MaterializedView => {
            let under = inner.schema == outer.schema && inner.relation.as_ref() == Some(&outer.name);
            // A grant is printed under the name of its relation.
            let granted = inner.kind == Kind::Privilege
                && inner.schema == outer.schema
                && inner.name == outer.name
                && inner.suffix.as_ref().is_some_and(|suffix| suffix.starts_with(" TO "));
            under || granted || table == Some(outer.to_string().as_str())
        }
        _ => false,
    }
}

/// Whether two objects of different kinds cannot have the same name beside each other: relations and composite types
/// share their names, as do types, routines, and the constraints of one table.
fn same_name(a: &ObjectId, b: &ObjectId) -> bool {
    let relation = |kind| {
        matches!(
            kind,
            Kind::Table
                | Kind::View
                | Kind::MaterializedView
                | Kind::Sequence
                | Kind::Index
                | Kind::CompositeType
        )
    };
    // A table brings a type of its name.
    let kind_of_type = |kind| {
        matches!(
            kind,
            Kind::Enum
                | Kind::Domain
                | Kind::CompositeType
                | Kind::RangeType
                | Kind::Table
                | Kind::View
                | Kind::MaterializedView
        )
    };
    let alike = relation(a.kind) && relation(b.kind)
        || kind_of_type(a.kind) && kind_of_type(b.kind)
        || a.kind.is_routine() && b.kind.is_routine() && a.suffix == b.suffix
        || a.kind.is_constraint() && b.kind.is_constraint();
    alike && a.schema == b.schema && a.relation == b.relation && a.name == b.name
}

#[cfg(test)]
mod tests {
    use super::super::samples::{SampleMigration, lock_of, object};
    use super::super::{MigrationPlan, UpgradeGoal};
    use super::*;
    use crate::findings::{AttributeFinding, Cause, Severity};
    use crate::model::diagnosis::MigrationState;

    fn cause(kind: CauseKind) -> Cause {
        Cause { kind, migration: None, detail: String::new() }
    }

    fn finding(kind: Kind, object: &str, change: Change, cause_kind: CauseKind) -> Finding {
        Finding::new("", Severity::Error, kind.word(), object, change).cause(cause(cause_kind))
    }

    fn collide(effects: Vec<Effect>, finding: &Finding) -> bool {
        let (lock, files) = lock_of(&[SampleMigration::new(1, "select 1;").doing(effects)]);
        let state = MigrationState::from_history(&lock.migrations, &[], &BTreeSet::new());
        let plan = MigrationPlan::upgrade(&lock, &files, &state, &UpgradeGoal::default()).expect("a plan");
        !collisions(&plan, std::slice::from_ref(finding), &lock).is_empty()
    }

    fn table(name: &str) -> ObjectId {
        ObjectId::in_schema(Kind::Table, "public", name)
    }

    fn column(table: &str, name: &str) -> ObjectId {
        ObjectId::under(Kind::Column, "public", table, name)
    }

    #[test]
    fn what_stands_in_the_way() {
        let adds = || vec![Effect::Created(object(column("users", "name"), &[]))];
        let drops = || vec![Effect::Dropped(Box::new(table("users")))];
        let renames =
            || vec![Effect::Renamed { from: Box::new(table("users")), to: Box::new(table("people")) }];
        let makes = || vec![Effect::Created(object(table("people"), &[]))];
        let indexes = || {
            let id = ObjectId::in_schema(Kind::Index, "public", "i");
            vec![Effect::Created(object(id, &[(Attribute::OnTable, "public.users")]))]
        };
        let changes = || {
            vec![Effect::Changed { after: object(table("users"), &[]), attributes: vec![Attribute::Comment] }]
        };
        use Change::{Different, Missing, Unexpected};
        for (effects, kind, name, change, expected) in [
            (adds(), Kind::Column, "public.users.name", Unexpected, true),
            (adds(), Kind::Column, "public.users.email", Different, false),
            (adds(), Kind::Table, "public.users", Missing, true),
            (adds(), Kind::Table, "public.users", Different, false),
            (adds(), Kind::Schema, "public", Missing, true),
            (drops(), Kind::Column, "public.users.email", Different, true),
            (drops(), Kind::Trigger, "public.users.t", Unexpected, true),
            (drops(), Kind::Privilege, "public.users TO app", Different, true),
            (drops(), Kind::Column, "public.others.email", Different, false),
            (renames(), Kind::ForeignKey, "public.users.f", Missing, true),
            (renames(), Kind::View, "public.people", Unexpected, true),
            (makes(), Kind::View, "public.people", Unexpected, true),
            (makes(), Kind::Enum, "public.people", Unexpected, true),
            (makes(), Kind::Function, "public.people()", Unexpected, false),
            (changes(), Kind::Column, "public.users.email", Missing, false),
            (indexes(), Kind::Table, "public.users", Missing, true),
            (indexes(), Kind::Column, "public.users.email", Missing, false),
        ] {
            let found = finding(kind, name, change, CauseKind::Drift);
            assert_eq!(collide(effects, &found), expected, "{} {name} {change:?}", kind.word());
        }
    }

    #[test]
    fn only_what_was_done_by_hand_counts() {
        let adds = || vec![Effect::Created(object(column("users", "name"), &[]))];
        let of = |cause| finding(Kind::Column, "public.users.name", Change::Different, cause);
        for kind in CauseKind::ALL {
            let by_hand = matches!(kind, CauseKind::Drift | CauseKind::Unknown | CauseKind::Edited);
            assert_eq!(collide(adds(), &of(kind)), by_hand, "{kind}");
        }
        let mut mixed = of(CauseKind::Pending);
        mixed.attributes.push(AttributeFinding {
            name: "type".into(),
            declared: None,
            actual: None,
            cause: Some(cause(CauseKind::Drift)),
        });
        assert!(collide(adds(), &mixed));
        // V1 is a step of this plan: it was skipped, and is applied now.
        let mut skipped = of(CauseKind::Unknown);
        skipped.cause.as_mut().unwrap().migration = Some("1".into());
        assert!(!collide(adds(), &skipped));
        skipped.cause.as_mut().unwrap().migration = Some("2".into());
        assert!(collide(adds(), &skipped));
        let mut history = of(CauseKind::Edited);
        (history.kind, history.object) = ("migration", "V1__m1".into());
        assert!(!collide(adds(), &history));
    }
}
