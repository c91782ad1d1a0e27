//! Tests of the lock file: its text, its faults, the states that it gives.

use super::*;
use crate::error::{Exit, Failure};
use crate::migrations::tools::MigrationTool;
use crate::model::Input;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::catalog::{Attributes, Unmodeled};
use crate::postgres::connection::ServerVersion;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::Position;
use std::path::Path;

fn object(id: ObjectId, attributes: &[(Attribute, &str)]) -> Arc<Object> {
    let values = attributes.iter().map(|(attribute, value)| (*attribute, SmolStr::from(*value))).collect();
    Arc::new(Object { id, attributes: Attributes::new(values) })
}

fn table(name: &str) -> ObjectId {
    ObjectId::in_schema(Kind::Table, "public", name)
}

fn column(table: &str, name: &str) -> ObjectId {
    ObjectId::under(Kind::Column, "public", table, name)
}

fn sample() -> Lock {
    let users =
        object(table("users"), &[(Attribute::Comment, "people\n\"all\", },\"attributes\":[ of them")]);
    let id = object(column("users", "id"), &[(Attribute::Type, "bigint"), (Attribute::Nullable, "false")]);
    let hash = object(column("users", "password_hash"), &[(Attribute::Type, "text")]);
    let required = object(
        column("users", "password_hash"),
        &[(Attribute::Type, "text"), (Attribute::Nullable, "false")],
    );
    let odd = object(ObjectId::routine(Kind::Function, "Odd.Name", "f\u{1b}é", "bigint"), &[]);
    Lock {
        head: Head {
            server: ServerVersion(150_018),
            declared_by: DeclaredBy::Schema,
            options: ReadOptions {
                owners: false,
                privileges: true,
                extension_versions: vec!["citext".into()],
                ..ReadOptions::default()
            },
            settings: CompiledSettings {
                tool: None,
                applied: None,
                search_path: "public, pg_temp".into(),
                assume_extensions: vec!["vector".into()],
                server_major: Some(15),
            },
            inputs: vec![Input::new("schema/a.sql", "a"), Input::new("schema/b.sql", "b")],
        },
        model: Catalog::new(
            vec![users.clone(), id.clone(), hash.clone(), odd.clone()],
            vec![Unmodeled { kind: "publication".into(), object: "p".into() }],
        ),
        initial: Vec::new(),
        migrations: vec![
            CompiledMigration {
                version: 1,
                name: "baseline".into(),
                revision: None,
                parents: Vec::new(),
                dependencies: Vec::new(),
                file: None,
                contract: false,
                footprints: Vec::new(),
                down: None,
                effects: vec![
                    Effect::Created(object(table("people"), &[])),
                    Effect::Created(object(
                        column("people", "id"),
                        &[(Attribute::Type, "bigint"), (Attribute::Nullable, "false")],
                    )),
                    Effect::Created(object(column("people", "gone"), &[(Attribute::Type, "text")])),
                    Effect::Created(odd),
                ],
            },
            CompiledMigration {
                version: 2,
                name: "rename".into(),
                revision: None,
                parents: Vec::new(),
                dependencies: Vec::new(),
                file: None,
                contract: false,
                footprints: Vec::new(),
                down: None,
                effects: vec![
                    Effect::Renamed { from: table("people").into(), to: table("users").into() },
                    Effect::Dropped(column("users", "gone").into()),
                    Effect::Changed { after: users, attributes: vec![Attribute::Comment] },
                    Effect::Created(required),
                ],
            },
            CompiledMigration {
                version: 20_260_102_030_405,
                name: "optional".into(),
                revision: None,
                parents: Vec::new(),
                dependencies: Vec::new(),
                file: None,
                contract: true,
                footprints: vec![Footprint {
                    at: Position { line: 3, column: 1 },
                    locks: [("public.users".into(), LockMode::AccessExclusive)].into(),
                    scans: ["public.users".into()].into(),
                    ..Footprint::default()
                }],
                down: None,
                effects: vec![Effect::Changed { after: hash, attributes: vec![Attribute::Nullable] }],
            },
        ],
    }
}

fn read(text: &str) -> Result<Lock, Failure> {
    Lock::from_reader(text.as_bytes(), Path::new("trueup.lock"))
}

#[test]
fn what_is_written_reads_back() {
    let lock = sample();
    let text = lock.to_text();
    let again = read(&text).expect("reads");
    assert_eq!(again, lock);
    assert_eq!(again.to_text(), text);
    assert_eq!(read(&text.replace('\n', "\r\n")).expect("reads"), lock);
}

#[test]
fn objects_that_stand_in_it_twice_are_shared() {
    let lock = read(&sample().to_text()).expect("reads");
    let hash = lock.model.get(&column("users", "password_hash")).expect("is there");
    let Effect::Changed { after, .. } = &lock.migrations[2].effects[0] else { panic!("changed") };
    assert!(Arc::ptr_eq(hash, after));
    let shared = lock.state_after(|_| true);
    assert!(Arc::ptr_eq(hash, shared.get(&column("users", "password_hash")).expect("is there")));
}

#[test]
fn the_text_is_one_object_a_line() {
    let text = sample().to_text();
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("{\"trueup.lock\":3,\"note\":\"generated by `trueup compile`"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[5], r#"{"column":"public.users.id","type":"bigint","nullable":"false"}"#);
    let tail = [
        r#"{"migration":"20260102030405","name":"optional","contract":true}"#,
        r#"{"statement":"3:1","locks":{"public.users":"ACCESS EXCLUSIVE"},"scans":["public.users"]}"#,
        r#"{"changed":{"column":"public.users.password_hash","type":"text"},"attributes":["nullable"]}"#,
        r#"{"end":{"objects":4,"migrations":3,"lines":22}}"#,
    ];
    assert_eq!(lines[lines.len() - 4..], tail);
    assert!(text.contains(r#"{"renamed":{"table":"public.people"},"to":"public.users"}"#));
}

/// A model of two tables, and the migration that creates what it is given of them.
fn that_creates(effects: &[Arc<Object>]) -> Lock {
    let mut lock = sample();
    lock.model = Catalog::new(
        vec![
            object(table("a"), &[]),
            object(column("a", "x"), &[(Attribute::Type, "bigint")]),
            object(column("a", "y\"z"), &[(Attribute::Type, "text")]),
            object(ObjectId::under(Kind::PrimaryKey, "public", "a", "a_pkey"), &[(Attribute::Columns, "x")]),
            object(table("b"), &[(Attribute::Comment, "second")]),
            object(column("b", "x"), &[(Attribute::Type, "bigint")]),
        ],
        Vec::new(),
    );
    lock.migrations.truncate(1);
    lock.migrations[0].effects = effects.iter().cloned().map(Effect::Created).collect();
    lock
}

#[test]
fn what_a_migration_creates_as_the_model_has_it_is_named() {
    let model = that_creates(&[]).model.objects;
    let lock = that_creates(&model);
    let text = lock.to_text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("create")).collect();
    let expected = [
        r#"{"creates":{"table":"public.a","column":["x","y\"z"],"primary_key":["a_pkey"]}}"#,
        r#"{"creates":{"table":"public.b","column":["x"]}}"#,
    ];
    assert_eq!(lines, expected);
    let again = read(&text).expect("reads");
    assert_eq!(again, lock);
    assert_eq!(again.to_text(), text);
    let created = again.migrations[0].effects.iter().filter_map(Effect::after);
    assert!(created.zip(&again.model.objects).all(|(created, model)| Arc::ptr_eq(created, model)));
}

#[test]
fn what_a_migration_creates_otherwise_is_written_whole() {
    let model = that_creates(&[]).model.objects;
    let other = object(column("a", "x"), &[(Attribute::Type, "integer")]);
    let gone = object(column("a", "zz"), &[(Attribute::Type, "text")]);
    let effects = [&model[0], &other, &model[2], &model[3], &gone, &model[5]].map(Arc::clone);
    let lock = that_creates(&effects);
    let text = lock.to_text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("create")).collect();
    let expected = [
        r#"{"creates":{"table":"public.a"}}"#,
        r#"{"created":{"column":"public.a.x","type":"integer"}}"#,
        r#"{"creates":{"column":"public.a.\"y\"\"z\""}}"#,
        r#"{"creates":{"primary_key":"public.a.a_pkey"}}"#,
        r#"{"created":{"column":"public.a.zz","type":"text"}}"#,
        r#"{"creates":{"column":"public.b.x"}}"#,
    ];
    assert_eq!(lines, expected);
    assert_eq!(read(&text).expect("reads"), lock);
}

#[test]
fn f46_a_named_object_is_one_of_the_model() {
    let good = that_creates(&that_creates(&[]).model.objects).to_text();
    for (from, to, words) in [
        (r#"["x","y\"z"]"#, r#"["x","q"]"#, "expected the column public.a.q among the lines of the model"),
        (
            r#""creates":{"table":"public.b""#,
            r#""creates":{"table":"public.c""#,
            "expected the table public.c",
        ),
        (r#""column":["x"]"#, r#""index":["x"]"#, "expected a kind of part of a relation, found `index`"),
        (r#""column":["x"]"#, r#""colum":["x"]"#, "unknown kind `colum`"),
        (r#""column":["x"]"#, r#""column":"x""#, "expected a sequence"),
        (
            r#"{"creates":{"table":"public.b","column":["x"]}}"#,
            r#"{"creates":{}}"#,
            "expected a kind and a name",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let failure = read(&good.replacen(from, to, 1)).map(drop).expect_err(words);
        assert!(failure.what.contains(words), "{words}: {}", failure.what);
    }
}

#[test]
fn states_are_the_effects_in_order() {
    let lock = sample();
    let names = |catalog: &Catalog| -> Vec<String> {
        catalog.objects.iter().map(|object| object.id.to_string()).collect()
    };
    assert!(lock.state_after(|_| false).objects.is_empty());
    let first = lock.state_after(|version| version <= 1);
    assert_eq!(names(&first)[1..], ["public.people", "public.people.gone", "public.people.id"]);
    let second = lock.state_after(|version| version <= 2);
    assert_eq!(names(&second)[1..], ["public.users", "public.users.id", "public.users.password_hash"]);
    assert_eq!(
        second.get(&column("users", "password_hash")).expect("is there").get(Attribute::Nullable),
        Some("false")
    );
    assert_eq!(lock.state_after(|_| true).objects, lock.model.objects);
    let skipped = lock.state_after(|version| version != 1);
    assert_eq!(names(&skipped), ["public.users", "public.users.password_hash"]);
}

#[test]
fn a_new_database_is_not_empty() {
    let public = object(ObjectId::bare(Kind::Schema, "public"), &[]);
    let lock = Lock { initial: vec![public.clone()], ..sample() };
    assert!(lock.to_text().contains("{\"initial\":{\"schema\":\"public\"}}\n"));
    let lock = read(&lock.to_text()).expect("reads");
    assert_eq!(lock.state_after(|_| false).objects, [public]);
    assert_eq!(lock.state_after(|_| true).objects.len(), 5);
}

#[test]
fn names_may_be_swapped() {
    let mut state = CatalogState::of(&Catalog::new(
        vec![
            object(table("a"), &[(Attribute::Comment, "first")]),
            object(column("a", "x"), &[]),
            object(table("b"), &[(Attribute::Comment, "second")]),
            object(column("b", "y"), &[]),
        ],
        Vec::new(),
    ));
    state.apply(&[
        Effect::Renamed { from: table("a").into(), to: table("b").into() },
        Effect::Renamed { from: table("b").into(), to: table("a").into() },
        Effect::Renamed { from: column("b", "x").into(), to: column("b", "z").into() },
    ]);
    assert!(state.get(&table("a")).expect("is there").is(Attribute::Comment, "second"));
    assert!(state.get(&column("a", "y")).is_some() && state.get(&column("b", "z")).is_some());
    assert_eq!(state.iter().count(), 4);
}

#[test]
fn a_renamed_schema_takes_its_objects_along() {
    let mut state = CatalogState::of(&Catalog::new(
        vec![
            object(ObjectId::bare(Kind::Schema, "public"), &[]),
            object(table("a"), &[]),
            object(column("a", "x"), &[]),
        ],
        Vec::new(),
    ));
    let (from, to) = (ObjectId::bare(Kind::Schema, "public"), ObjectId::bare(Kind::Schema, "app"));
    state.apply(&[Effect::Renamed { from: from.into(), to: to.into() }]);
    let names: Vec<_> = state.into_catalog().objects.iter().map(|object| object.id.to_string()).collect();
    assert_eq!(names, ["app", "app.a", "app.a.x"]);
}

#[test]
fn stale_says_why() {
    let lock = sample();
    assert!(lock.head.stale(&lock.head.inputs, &lock.head.settings).is_empty());
    let inputs = [Input::new("schema/a.sql", "other"), Input::new("schema/c.sql", "c")];
    let settings = CompiledSettings {
        server_major: Some(16),
        search_path: "app".into(),
        assume_extensions: Vec::new(),
        tool: None,
        applied: None,
    };
    let reasons = lock.head.stale(&inputs, &settings);
    let expected = [
        "[compile] server_version is 16, compiled with 15.18",
        "[database] search_path changed",
        "[compile] assume_extensions changed",
        "schema/a.sql changed",
        "schema/c.sql is new",
        "schema/b.sql is gone",
    ];
    assert_eq!(reasons, expected);
}

/// A setting that the project has no more is as much another one as a new one.
#[test]
fn stale_compares_every_setting_both_ways() {
    let plain = CompiledSettings::default();
    let set = |change: fn(&mut CompiledSettings)| {
        let mut settings = CompiledSettings::default();
        change(&mut settings);
        settings
    };
    let others = [
        (set(|settings| settings.search_path = "app".into()), ["[database] search_path changed"; 2]),
        (
            set(|settings| settings.assume_extensions.push("postgis".into())),
            ["[compile] assume_extensions changed"; 2],
        ),
        (
            set(|settings| settings.server_major = Some(15)),
            ["[compile] server_version = 15 is new", "[compile] server_version = 15 is gone"],
        ),
        (set(|settings| settings.tool = Some(MigrationTool::Sqlx)), ["[migrations] tool changed"; 2]),
    ];
    for (other, [added, removed]) in others {
        let mut head = sample().head;
        head.settings = plain.clone();
        assert_eq!(head.stale(&head.inputs, &other), [added]);
        head.settings = other.clone();
        assert_eq!(head.stale(&head.inputs, &plain), [removed]);
        assert!(head.stale(&head.inputs, &other).is_empty());
    }
}

#[test]
fn f46_malformed_lock_files_are_named_with_their_line() {
    let good = sample().to_text();
    let broken = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for (text, line, words) in [
        (String::new(), 0, "expected the header"),
        ("nonsense\n".to_owned(), 1, "expected a JSON object"),
        ("{\"table\":\"public.users\"}\n".to_owned(), 1, "expected the header"),
        ("<<<<<<< HEAD\n".to_owned() + &good, 1, "expected a JSON object"),
        (broken("\"trueup.lock\":3", "\"trueup.lock\":4"), 1, "written by a newer trueup"),
        (broken("\"trueup.lock\":3", "\"trueup.lock\":2"), 1, "written by an older trueup"),
        (broken("\"owners\"", "\"owner\""), 1, "unknown field `owner`"),
        (broken("\"15.18\"", "\"fifteen\""), 1, "expected a server version"),
        (
            broken("{\"column\":\"public.users.id\"", "{\"colum\":\"public.users.id\""),
            6,
            "unknown kind `colum`",
        ),
        (
            broken("{\"column\":\"public.users.id\"", "{\"column\":\"users.id\""),
            6,
            "is not the name of a column",
        ),
        (broken("\"nullable\":\"false\"}", "\"nulable\":\"false\"}"), 6, "unknown attribute `nulable`"),
        (broken("\"nullable\":\"false\"}", "\"nullable\":false}"), 6, "invalid type: boolean"),
        (broken("\"nullable\":\"false\"}", "\"type\":\"int\"}"), 6, "out of order or given twice"),
        (broken("\"nullable\":\"false\"}", "\"nullable\":\"false\""), 6, "EOF while parsing"),
        (
            broken("{\"column\":\"public.users.password_hash\"", "{\"column\":\"public.users.aa\""),
            7,
            "in the order",
        ),
        (broken("{\"dropped\":{\"column\"", "{\"dropped\":{\"colum\""), 16, "unknown kind `colum`"),
        (broken("{\"migration\":\"2\"", "{\"migration\":\"two\""), 14, "expected a version"),
        (broken("{\"migration\":\"2\"", "{\"migration\":\"1\""), 14, "in the order"),
        (broken("{\"migration\":\"1\"", "{\"migrations\":\"1\""), 9, "unknown kind `migrations`"),
        (broken("\"ACCESS EXCLUSIVE\"", "\"ACCESS\""), 20, "expected a lock mode, found `ACCESS`"),
        (broken("[\"nullable\"]", "[\"nulable\"]"), 21, "unknown attribute"),
        (broken("{\"end\":{\"objects\":4", "{\"end\":{\"objects\":5"), 22, "expected 5 objects"),
        (good.clone() + "{}\n", 23, "expected nothing after"),
        (good.lines().take(10).collect::<Vec<_>>().join("\n"), 10, "cut off"),
    ] {
        let failure = read(&text).map(drop).expect_err(words);
        assert!(failure.what.contains(words), "{words}: {}", failure.what);
        assert!(failure.what.contains(&format!("trueup.lock: line {line}:")), "{words}: {}", failure.what);
        assert!(failure.next.contains("trueup compile"));
        assert_eq!(failure.exit, Exit::Usage);
    }
    assert!(Lock::from_reader(&b"{\"\xff\n"[..], Path::new("trueup.lock")).is_err());
}

#[test]
fn f46_no_line_lost_goes_unnoticed() {
    let good = sample().to_text();
    let lines: Vec<_> = good.lines().collect();
    for missing in 0..lines.len() {
        let text: String = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != missing)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        assert!(read(&text).is_err(), "without {}", lines[missing]);
    }
}

#[test]
fn files_are_replaced_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    assert_eq!(Lock::load(&path).expect("reads"), None);
    sample().save(&path).expect("written");
    sample().save(&path).expect("written again");
    assert_eq!(Lock::load(&path).expect("reads"), Some(sample()));
    assert_eq!(std::fs::read_dir(directory.path()).expect("lists").count(), 1);
    std::fs::File::create(&path).and_then(|file| file.set_len((1 << 30) + 1)).expect("made");
    assert!(Lock::load(&path).expect_err("too large").what.contains("larger than 1 GiB"));
    assert!(sample().save(&directory.path().join("absent/trueup.lock")).is_err());
}

#[test]
fn effects_alone_read_back() {
    for migration in sample().migrations {
        let text = effects_to_text(&migration.effects);
        assert!(!text.ends_with('\n') && !text.contains("creates"), "{text}");
        assert_eq!(effects_from_text(&text), Ok(migration.effects));
    }
    assert_eq!(effects_from_text(""), Ok(Vec::new()));
    for (text, words) in [
        (r#"{"migration":"9","name":"a","contract":false}"#, "line 1: expected created"),
        ("{\"dropped\":{\"table\":\"public.a\"}}\n{\"split\":1}", "line 2: expected created"),
        (r#"{"dropped":{"tablet":"public.a"}}"#, "unknown kind `tablet`"),
    ] {
        let why = effects_from_text(text).expect_err(text);
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn migrations_that_the_project_lacks_take_their_place_by_version() {
    let lock = sample();
    let other = |version, effects| CompiledMigration {
        version,
        name: "other".into(),
        revision: None,
        parents: Vec::new(),
        dependencies: Vec::new(),
        file: None,
        contract: false,
        footprints: Vec::new(),
        down: None,
        effects,
    };
    let others = [
        other(3, vec![Effect::Created(object(column("users", "email"), &[(Attribute::Type, "text")]))]),
        other(30_000_000_000_000, vec![Effect::Dropped(Box::new(column("users", "password_hash")))]),
    ];
    let state = lock.state_with(&others, |_| true);
    assert!(state.get(&column("users", "email")).is_some());
    assert!(state.get(&column("users", "password_hash")).is_none());
    assert_eq!(lock.state_with(&[], |_| true), lock.state_after(|_| true));
}
