//! The rule of four states, held against a table that says it a second time: L the live database, K what the applied
//! migrations build, N what all build, M the model. No server: random states, each with one object of a kind, so that
//! nothing can look like a rename.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use trueup::findings::{Cause, CauseKind, Finding};
use trueup::migrations::history::Applied;
use trueup::model::diagnosis::{Diagnosis, Facts, RecordedState, diagnose};
use trueup::model::{CompiledMigration, CompiledSettings, DeclaredBy, Effect, Head, Lock};
use trueup::postgres::catalog::reader::ReadOptions;
use trueup::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use trueup::postgres::connection::ServerVersion;

/// Values of one thing in the four states: L, K, N, M.
type Four<T> = [T; 4];

/// One object in the four states: whether it is there, and the choices among each attribute's values.
type Drawn = Four<Option<Vec<u8>>>;

/// What is drawn: a name, what it always has, and attributes with values to choose from; `None` leaves one unset.
struct Subject {
    id: ObjectId,
    fixed: &'static [(Attribute, &'static str)],
    varied: &'static [(Attribute, [Option<&'static str>; 3])],
}

const COMMENT: (Attribute, [Option<&str>; 3]) = (Attribute::Comment, [None, Some("one"), Some("two")]);

fn subjects() -> Vec<Subject> {
    use Attribute::*;
    let subject = |id, fixed, varied| Subject { id, fixed, varied };
    vec![
        subject(ObjectId::bare(Kind::Schema, "audit"), &[], &[COMMENT]),
        subject(
            ObjectId::in_schema(Kind::Enum, "public", "mood"),
            &[],
            &[(Labels, [Some("'a'"), Some("'a', 'b'"), Some("'b', 'a'")]), COMMENT],
        ),
        subject(
            ObjectId::in_schema(Kind::Domain, "public", "email"),
            &[(Type, "text")],
            &[(Nullable, [None, Some("false"), None]), (Default, [None, Some("'a'"), Some("'b'")]), COMMENT],
        ),
        subject(
            ObjectId::in_schema(Kind::Sequence, "public", "numbers"),
            &[(Type, "bigint")],
            &[(Increment, [None, Some("5"), Some("7")]), (Cycle, [None, Some("true"), None])],
        ),
        subject(
            ObjectId::routine(Kind::Function, "public", "twice", "integer"),
            &[(Arguments, "integer"), (Returns, "integer"), (Language, "sql")],
            &[
                (Body, [Some("SELECT 1"), Some("SELECT 2"), Some("SELECT 3")]),
                (Volatility, [None, Some("immutable"), Some("stable")]),
            ],
        ),
        subject(
            ObjectId::under(Kind::Column, "public", "users", "note"),
            &[],
            &[
                (Type, [Some("text"), Some("integer"), Some("character varying(9)")]),
                (Nullable, [None, Some("false"), None]),
                (Default, [None, Some("NULL::text"), Some("CURRENT_USER")]),
                COMMENT,
            ],
        ),
        subject(
            ObjectId::in_schema(Kind::Index, "public", "users_id_idx"),
            &[(OnTable, "public.users")],
            &[
                (Columns, [Some("id"), Some("id DESC"), Some("lower(id)")]),
                (Predicate, [None, Some("(id > 0)"), Some("(id > 1)")]),
            ],
        ),
        subject(
            ObjectId::under(Kind::Check, "public", "users", "users_sane"),
            &[],
            &[(Expression, [Some("(id > 0)"), Some("(id > 1)"), Some("(id > 2)")]), COMMENT],
        ),
    ]
}

/// All subjects, drawn.
fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    // Few choices, so that equal values are as frequent as others.
    let one = |attributes: usize| {
        let state = proptest::option::weighted(0.7, proptest::collection::vec(0..3_u8, attributes));
        proptest::array::uniform4(state)
    };
    subjects().iter().map(|subject| one(subject.varied.len())).collect::<Vec<_>>()
}

fn object(subject: &Subject, chosen: &[u8]) -> Arc<Object> {
    let varied = subject.varied.iter().zip(chosen);
    let varied =
        varied.filter_map(|((attribute, values), at)| Some((*attribute, values[usize::from(*at)]?.into())));
    let fixed = subject.fixed.iter().map(|(attribute, value)| (*attribute, (*value).into()));
    Arc::new(Object { id: subject.id.clone(), attributes: Attributes::new(fixed.chain(varied).collect()) })
}

/// A table that is always there, with one column: a database without tables is another story.
fn always() -> Vec<Arc<Object>> {
    let attributes = Attributes::new(vec![(Attribute::Type, "bigint".into())]);
    let table = ObjectId::in_schema(Kind::Table, "public", "users");
    let column = ObjectId::under(Kind::Column, "public", "users", "id");
    vec![
        Arc::new(Object { id: table, attributes: Attributes::default() }),
        Arc::new(Object { id: column, attributes }),
    ]
}

fn state(drawn: &[Drawn], number: usize) -> Catalog {
    let subjects = subjects();
    let chosen = subjects.iter().zip(drawn).filter_map(|(subject, states)| {
        let chosen = states[number].as_ref()?;
        Some(object(subject, chosen))
    });
    Catalog::new(always().into_iter().chain(chosen).collect(), Vec::new())
}

/// What leads from one state to the next.
fn effects(from: &Catalog, to: &Catalog) -> Vec<Effect> {
    let mut effects = Vec::new();
    for object in &to.objects {
        match from.get(&object.id) {
            None => effects.push(Effect::Created(Arc::clone(object))),
            Some(before) if before.attributes != object.attributes => {
                let set = Attribute::ALL.iter().copied();
                let attributes = set.filter(|a| before.get(*a) != object.get(*a)).collect();
                effects.push(Effect::Changed { after: Arc::clone(object), attributes });
            }
            Some(_) => {}
        }
    }
    let gone = from.objects.iter().filter(|object| to.get(&object.id).is_none());
    effects.extend(gone.map(|object| Effect::Dropped(object.id.clone().into())));
    effects
}

/// V1 builds K and is applied; V2 leads to N and is not.
fn diagnosed([live, applied, last, model]: &Four<Catalog>) -> Diagnosis {
    let migration = |version, effects| {
        let name = format!("step_{version}");
        CompiledMigration {
            version,
            name,
            revision: None,
            parents: Vec::new(),
            dependencies: Vec::new(),
            file: None,
            contract: false,
            footprints: Vec::new(),
            down: None,
            effects,
        }
    };
    let head = Head {
        server: ServerVersion(150_018),
        declared_by: DeclaredBy::Schema,
        options: ReadOptions::default(),
        settings: CompiledSettings::default(),
        inputs: Vec::new(),
    };
    let mut migrations = vec![migration(1, effects(&Catalog::default(), applied))];
    if applied != last {
        migrations.push(migration(2, effects(applied, last)));
    }
    let lock = Lock { head, model: model.clone(), initial: Vec::new(), migrations };
    let last = lock.state_after(|_| true);
    let row = Applied {
        version: 1,
        name: "step_1".into(),
        applied_on: String::new(),
        checksum: Some(1),
        revision: None,
    };
    diagnose(&Facts {
        database: "app",
        server: ServerVersion(150_018),
        live,
        history: Some(&[row]),
        assumed: false,
        others: &[],
        recorded: &RecordedState::default(),
        lock: &lock,
        last: &last,
        unchanged: &BTreeSet::from([1]),
        in_scope: &|_| true,
        ignored: &|_| false,
        partly_squashed: None,
        malformed_history: None,
        history_hidden: false,
        severities: &BTreeMap::new(),
    })
}

/// The rule, as a table over which values are equal. `None`: nothing to tell.
fn cause<T: PartialEq + Default>([live, applied, last, model]: &Four<T>) -> Option<CauseKind> {
    use CauseKind::*;
    match (live == applied, applied == last, last == model, live == model) {
        // Nothing differs.
        (true, true, true, true) => None,
        // As the applied migrations left it; a pending one changes it to what the model says.
        (true, false, true, _) => Some(Pending),
        // The applied migration makes what the model does not have.
        (true, true, false, _) if *model == T::default() => Some(Undeclared),
        // No migration does what the model says.
        (true, true, false, _) => Some(Unmigrated),
        // A pending migration changes it, and not to what the model says: the one before, or the one after.
        (true, false, false, false) => Some(Pending),
        (true, false, false, true) => Some(Unmigrated),
        // By hand, and as the model says: no migration does that.
        (false, _, false, true) => Some(Unmigrated),
        // By hand.
        (false, ..) => Some(Drift),
        (true, true, true, false) => unreachable!("equality is transitive"),
    }
}

/// Every finding about these objects has the cause of the table, and nothing that differs is left out.
fn rule_holds(drawn: &[Drawn]) -> Result<(), TestCaseError> {
    let states: Four<Catalog> = std::array::from_fn(|number| state(drawn, number));
    let Diagnosis { findings, .. } = diagnosed(&states);
    let mut told: BTreeMap<String, &Finding> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.kind != "migration") {
        let twice = told.insert(finding.object.clone(), finding);
        prop_assert!(twice.is_none(), "two findings about {}", finding.object);
    }
    for subject in subjects() {
        let objects: Four<Option<&Arc<Object>>> = std::array::from_fn(|state| states[state].get(&subject.id));
        let finding = told.remove(&subject.id.to_string());
        about(&subject, &objects, finding)
            .map_err(|why| TestCaseError::fail(format!("{why}\n{objects:#?}\n{finding:#?}")))?;
    }
    prop_assert!(told.is_empty(), "{told:#?}");
    Ok(())
}

fn about(
    subject: &Subject,
    objects: &Four<Option<&Arc<Object>>>,
    finding: Option<&Finding>,
) -> Result<(), String> {
    let existence = cause(&objects.map(|object| object.is_some()));
    let varied = subject.varied.iter().map(|(attribute, _)| {
        // A constant NULL as default is none.
        let values = objects.map(|object| {
            object.and_then(|object| object.get(*attribute)).filter(|value| *value != "NULL::text")
        });
        (attribute.word(), values, cause(&values))
    });
    let differing: Vec<_> = varied.filter_map(|(word, values, cause)| Some((word, values, cause?))).collect();
    let Some(finding) = finding else {
        let nothing = existence.is_none() && differing.is_empty();
        return nothing.then_some(()).ok_or_else(|| "there is no finding".into());
    };
    if objects[0].is_some() != objects[3].is_some() || objects[0].is_none() {
        // Missing, unexpected, or only on its way: one finding about its being there.
        let told = finding.cause_kind();
        return (told == existence).then_some(()).ok_or_else(|| format!("its existence is {existence:?}"));
    }
    let mut expected: BTreeMap<&str, CauseKind> = BTreeMap::new();
    for (word, values, cause) in &differing {
        // As declared, though its being there is a story of its own.
        if existence.is_none() || values[0] != values[3] {
            expected.insert(*word, *cause);
        }
    }
    if expected.is_empty() {
        let told = finding.cause_kind();
        return (told == existence).then_some(()).ok_or_else(|| format!("its existence is {existence:?}"));
    }
    let kind = |own: &Option<Cause>| own.as_ref().or(finding.cause.as_ref()).unwrap().kind;
    let told = finding.attributes.iter().map(|attribute| (attribute.name.as_str(), kind(&attribute.cause)));
    let told: BTreeMap<&str, CauseKind> = told.collect();
    (told == expected).then_some(()).ok_or_else(|| format!("expected {expected:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_cause_is_that_of_the_table(drawn in drawn()) {
        rule_holds(&drawn)?;
    }

    #[test]
    fn four_equal_states_give_no_finding(drawn in drawn()) {
        let same = state(&drawn, 0);
        let diagnosis = diagnosed(&std::array::from_fn(|_| same.clone()));
        prop_assert!(diagnosis.findings.is_empty(), "{:#?}", diagnosis.findings);
    }
}
