//! Placeholders in Flyway's SQL: their values are those of Flyway's own settings and of trueup.toml, and what the real Flyway
//! makes of them is what trueup says.

use std::fs;
use std::path::Path;

use super::flyway::{Site, compile, program, trueup};
use super::write;
use crate::support;
use crate::support::program::Program;
use crate::support::project::Project;

const SETTINGS: &str = "[project]\nname = \"real\"\n[migrations]\ntool = \"flyway\"\n";

/// What is spelled in every way that Flyway knows, in names, strings, comments and dollar quotes; and where it finds none.
const FILES: [(&str, &str); 7] = [
    (
        "sql/V1__users.sql",
        "-- of ${owner}\nCREATE SCHEMA ${app.schema};\nCREATE TABLE ${App.Schema}.users (id bigint PRIMARY KEY, ${COLUMN}_1 text \
         DEFAULT '${Owner}', \"${owner} x\" int);\nCOMMENT ON TABLE ${app.schema}.users IS $a$ ${nested} $${x} $x {} ${empty}.$a$;",
    ),
    (
        "sql/V1.1__names.sql",
        "COMMENT ON COLUMN ${app.schema}.users.id IS '${flyway:filename} in ${flyway:defaultSchema}, ${flyway:table}: ${dash-ed}';",
    ),
    (
        "sql/V1_2__log.sql",
        "CREATE TABLE log (at timestamp, by text);\n-- by ${flyway:user} at ${flyway:timestamp}\nINSERT INTO log VALUES \
         ('${flyway:timestamp}', '${flyway:user} ${flyway:database}${flyway:workingDirectory}');",
    ),
    ("sql/V2__raw.sql", "CREATE TABLE raw (a text DEFAULT '${nothing}');"),
    ("sql/V2__raw.sql.conf", "placeholderReplacement = false\n"),
    ("sql/R__view.sql", "CREATE OR REPLACE VIEW ${view} AS SELECT '${owner}'::text AS owner;"),
    (
        "flyway.toml",
        "[flyway.placeholders]\nowner = \"app team\"\nnested = \"${\" \n\"app.schema\" = \"app\"\ncolumn = \"name\"\nempty = \"\"\n",
    ),
];

fn project(more: &str) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    write(project.path(), &FILES.map(|(name, text)| (name, text.to_owned())));
    write(project.path(), &[("trueup.toml", format!("{SETTINGS}{more}"))]);
    project
}

const OWN: &str = "[migrations.placeholders]\nview = \"all_users\"\nNested = \"${owner}\"\ndash-ed = \"- \\\"x\\\" ''y\"\n\"own.one\" = \"not given to Flyway\"\n";

/// trueup gives Flyway the values that are in trueup.toml, and both build the same.
#[test]
fn flyway_puts_in_what_trueup_does() {
    let Some(program) = program() else { return };
    let (project, site) = (project(OWN), Site::new("placeholders"));
    compile(&project).exit(0);
    trueup(&project, &site, &program, &["upgrade", "--yes"]).exit(0).says("done: 5 migrations applied");
    trueup(&project, &site, &program, &["check"]).exit(0);
    let comment = "SELECT pg_catalog.obj_description('app.users'::regclass)";
    assert_eq!(site.query(comment), [[Some(" ${owner} $${x} $x {} .".to_owned())]]);

    // Another value is another project: the lock no longer holds.
    write(
        project.path(),
        &[("trueup.toml", format!("{SETTINGS}{}", OWN.replace("all_users", "every_user")))],
    );
    trueup(&project, &site, &program, &["compile", "--check"])
        .exit(1)
        .says("sql/R__view.sql changed")
        .says("the set of placeholder values changed");
    project
        .check(&site)
        .exit(3)
        .says("the set of placeholder values changed")
        .says("trueup compile")
        .lacks("every_user");
    write(project.path(), &[("trueup.toml", format!("{SETTINGS}{OWN}"))]);
    project.check(&site).exit(0);
}

/// The files have the values; Flyway finds its own checksums, also of the repeatable one, which depends on values.
#[test]
fn what_is_taken_over_has_the_values() {
    let Some(program) = program() else { return };
    let (project, site) = (project(OWN), Site::new("placeholders_taken"));
    site.flyway(&program, project.path())
        .env("FLYWAY_PLACEHOLDERS_view", "all_users")
        .env("FLYWAY_PLACEHOLDERS_nested", "${owner}")
        .env("FLYWAY_PLACEHOLDERS_dash-ed", "- \"x\" ''y")
        .arg("migrate")
        .exit(0);
    let take_over = || {
        trueup(
            &project,
            &site,
            &program,
            &["init", "--from", "flyway", "--take-over", "--yes", "--name", "shop"],
        )
    };
    take_over()
        .exit(2)
        .says("sql/V1_2__log.sql: line 3: placeholder ${flyway:timestamp}")
        .says("line 3: placeholder ${flyway:user}")
        .says("\"flyway:user\" = ");
    assert!(!project.path().join("migrations").exists());
    let fixed = "\"flyway:timestamp\" = \"2026-01-02 03:04:05\"\n\"flyway:user\" = \"ann\"\n\"flyway:database\" = \"d\"\n\
                 \"flyway:workingDirectory\" = \"/srv\"\n";
    write(project.path(), &[("trueup.toml", format!("{SETTINGS}{OWN}{fixed}"))]);
    take_over()
        .exit(0)
        .says("the values of placeholders are written in their place")
        .says("V100__users, V101__names, V102__log, V201__view")
        .says("remove `tool` and `placeholders`");
    let text = |name: &str| fs::read_to_string(project.path().join("migrations").join(name)).unwrap();
    assert!(
        text("V100__users.sql")
            .contains("CREATE TABLE app.users (id bigint PRIMARY KEY, name_1 text DEFAULT 'app team'")
    );
    assert!(
        text("V102__log.sql").contains("VALUES ('2026-01-02 03:04:05', 'ann d/srv')"),
        "{}",
        text("V102__log.sql")
    );
    assert!(text("V200__raw.sql").contains("'${nothing}'"));

    write(
        project.path(),
        &[(
            "trueup.toml",
            "[project]\nname = \"shop\"\n[migrations]\nalso_record_in = \"flyway\"\n".to_owned(),
        )],
    );
    trueup(&project, &site, &program, &["adopt", "--yes"]).exit(0);
    trueup(&project, &site, &program, &["check"]).exit(0);
    let other = Site::new("placeholders_back");
    trueup(&project, &other, &program, &["upgrade", "--yes", "--no-backup"]).exit(0);
    let again = |site: &Site| -> Program {
        site.flyway(&program, project.path())
            .env("FLYWAY_PLACEHOLDERS_view", "all_users")
            .env("FLYWAY_PLACEHOLDERS_nested", "${owner}")
            .env("FLYWAY_PLACEHOLDERS_dash-ed", "- \"x\" ''y")
    };
    again(&other).arg("validate").exit(0);
    again(&other).arg("migrate").exit(0).says("No migration necessary");
}

fn refused(project: &Project) -> support::program::Ran {
    let outcome = compile(project).exit(2);
    assert!(!project.lock().exists());
    outcome
}

/// Everything that has no value, in one run, and no value of anything else.
#[test]
fn what_has_no_value_is_told_at_once() {
    let project = project("");
    write(project.path(), &[("sql/V3__grant.sql", "\nGRANT SELECT ON log TO ${flyway:user};".to_owned())]);
    refused(&project)
        .says("R__view.sql: line 1: placeholder ${view}: it has no value")
        .says("V1__users.sql: line 4: placeholder ${nested}: Flyway's settings take it from an environment variable")
        .says("V3__grant.sql: line 2: placeholder ${flyway:user}: Flyway's value differs from run to run")
        .says("[migrations.placeholders] in trueup.toml")
        .says("\"flyway:user\" = \"...\"")
        .lacks("app team");
    // A value in the statement that fails is not shown.
    write(project.path(), &[("sql/V3__grant.sql", "SELECT * FROM ${secret}, nowhere;".to_owned())]);
    write(project.path(), &[("trueup.toml", format!("{SETTINGS}{OWN}secret = \"hush_hush\"\n"))]);
    refused(&project).says("relation \"${secret}\" does not exist").lacks("hush_hush");
    let goose = SETTINGS.replace("flyway", "goose");
    write(project.path(), &[("trueup.toml", format!("{goose}{OWN}"))]);
    refused(&project)
        .says("trueup.toml:5: migrations.placeholders: these are values of Flyway's placeholders");
}

/// The values that `flyway.conf` has, with its own prefix; switched off, the text is as it is.
#[test]
fn properties_say_what_a_placeholder_is() {
    let project = project("");
    let sql = project.path().join("sql");
    fs::remove_dir_all(&sql).unwrap();
    fs::remove_file(project.path().join("flyway.toml")).unwrap();
    let conf = "flyway.placeholderPrefix=@@\nflyway.placeholderSuffix=@@\nflyway.placeholders.Name=users\n";
    write(
        project.path(),
        &[
            ("sql/V1__a.sql", "CREATE TABLE @@name@@ (a text DEFAULT '${a}');".to_owned()),
            ("flyway.conf", conf.to_owned()),
        ],
    );
    compile(&project).exit(0);
    let lock = |project: &Path| fs::read_to_string(project.join("trueup.lock")).unwrap();
    assert!(lock(project.path()).contains("public.users.a"), "{}", lock(project.path()));
    write(project.path(), &[("flyway.conf", format!("{conf}flyway.placeholderReplacement=false\n"))]);
    write(project.path(), &[("sql/V1__a.sql", "CREATE TABLE \"@@name@@\" (a text);".to_owned())]);
    compile(&project).exit(0);
    assert!(lock(project.path()).contains("@@name@@"), "{}", lock(project.path()));
}
