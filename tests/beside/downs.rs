//! Down scripts of a take-over from a tool whose migrations are programs: what the tool runs when it reverts them, proved.

use std::fs;

use super::code::{self, alembic, alembic_revision, project};
use super::write;
use crate::adopt::tools::{did_not_run, python};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// Takes the project over.
pub(super) fn take_over(project: &Project, tool: &str, arguments: &[&str]) -> Program {
    let words = ["init", "--from", tool, "--take-over"];
    project
        .trueup(words, "")
        .args(arguments)
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("COLUMNS", "250")
}

/// The down scripts, without their endings.
pub(super) fn scripts(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.path().join("migrations")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut scripts: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".down.sql").map(str::to_owned)).collect();
    scripts.sort();
    scripts
}

pub(super) fn text(project: &Project, name: &str) -> String {
    fs::read_to_string(project.path().join("migrations").join(name)).unwrap()
}

/// Makes the project trueup's: the settings are the operator's.
pub(super) fn is_trueups(project: &Project) {
    let path = project.path().join("trueup.toml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(&path, settings.split("[migrations]").next().unwrap()).unwrap();
}

/// All up, down to a version, and up again, with trueup's own files in a new database.
pub(super) fn goes_down_and_up(project: &Project, versions: &[i64]) -> TestDatabase {
    let database = support::database();
    let up = || {
        project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
        project.check(&database).exit(0);
    };
    for version in versions {
        up();
        let to = version.to_string();
        project.trueup(["downgrade", "--to", &to, "--yes", "--no-backup"], &database).exit(0);
    }
    up();
    database
}

/// A revision of Alembic with what reverts it.
fn revision(id: &str, parents: &str, sql: &str, down: &str) -> (String, String) {
    let (name, text) = alembic_revision(id, parents, sql, false);
    (name, format!("{text}def downgrade():\n    {down}\n"))
}

fn add(project: &Project, (name, text): (String, String)) {
    write(project.path(), &[(&name, text)]);
}

#[test]
fn a_merge_of_alembic_is_reverted_before_its_branches() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let project = alembic(
        &python,
        &[
            revision(
                "aa",
                "None",
                "CREATE TABLE users (id bigint PRIMARY KEY)",
                "op.execute('DROP TABLE users')",
            ),
            revision(
                "b1",
                "'aa'",
                "ALTER TABLE users ADD COLUMN one text",
                "op.execute('ALTER TABLE users DROP COLUMN one')",
            ),
            revision("b2", "'aa'", "ALTER TABLE users ADD COLUMN two text", "op.drop_column('users', 'two')"),
            revision("cc", "('b1', 'b2')", "SELECT 1", "pass"),
            revision("dd", "'cc'", "CREATE INDEX users_one ON users (one)", "op.drop_index('users_one')"),
        ],
    );
    let root = revision("ee", "None", "CREATE TABLE extra (id int)", "op.drop_table('extra')");
    add(&project, (root.0, format!("{}depends_on = 'b1'\n", root.1)));
    take_over(&project, "alembic", &["--dir", "alembic/versions"])
        .exit(0)
        .stdout_contains("is proved")
        .lacks("no down script");
    assert_eq!(scripts(&project).len(), 6);
    is_trueups(&project);
    goes_down_and_up(&project, &[5, 4, 3, 2, 1, 0]);
}

#[test]
fn what_alembic_cannot_revert_is_told_and_the_rest_has_down_scripts() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let project = alembic(
        &python,
        &[
            revision(
                "aa",
                "None",
                "CREATE TABLE users (id bigint PRIMARY KEY, name text)",
                "op.drop_table('users')",
            ),
            revision(
                "bb",
                "'aa'",
                "INSERT INTO users VALUES (1, ''), (2, 'x')",
                "op.execute('DELETE FROM users')",
            ),
            revision("cc", "'bb'", "UPDATE users SET name = NULL WHERE name = ''", "pass"),
            revision("dd", "'cc'", "ALTER TABLE users ADD COLUMN age int", "op.drop_column('users', 'age')"),
            revision(
                "ee",
                "'dd'",
                "ALTER TABLE users DROP COLUMN name",
                "raise NotImplementedError('password=hunter2 one way')",
            ),
            revision("ff", "'ee'", "CREATE TABLE keys (id int)", "pass"),
            revision(
                "gg",
                "'ff'",
                "CREATE TABLE tags (id int)",
                "op.execute('DROP TABLE tags; COMMIT; DROP TABLE nowhere')",
            ),
            revision("hh", "'gg'", "CREATE INDEX ON tags (id)", "op.drop_index('tags_id_idx')"),
            revision(
                "ii",
                "'hh'",
                "ALTER TABLE tags ADD COLUMN name text, ADD COLUMN note text",
                "op.drop_column('tags', 'name')",
            ),
        ],
    );
    take_over(&project, "alembic", &["--dir", "alembic/versions"])
        .exit(0)
        .says("no down script: V3__revision_cc, V6__revision_ff: alembic runs nothing for it")
        .says("no down script: V5__revision_ee: NotImplementedError: ")
        .says("no down script: V7__revision_gg: ")
        .says("table \"nowhere\" does not exist")
        .says("no down script: V9__revision_ii: afterwards column public.tags.note is there")
        .says("down scripts that read or change rows")
        .says("before they run: V2__revision_bb")
        .lacks("hunter2");
    let has = ["V1__revision_aa", "V2__revision_bb", "V4__revision_dd", "V8__revision_hh"];
    assert_eq!(scripts(&project), has);
    assert_eq!(text(&project, "V1__revision_aa.down.sql"), "DROP TABLE users;\n");
    is_trueups(&project);
    let database = goes_down_and_up(&project, &[]);
    project
        .trueup(["downgrade", "--to", "4", "--yes", "--no-backup"], &database)
        .exit(4)
        .says("V9__revision_ii, V7__revision_gg, V6__revision_ff, V5__revision_ee have no down script");
}

#[test]
fn down_scripts_can_be_left_out() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let project = alembic(
        &python,
        &[revision("aa", "None", "CREATE TABLE users (id bigint)", "open('reverted', 'w')")],
    );
    take_over(&project, "alembic", &["--dir", "alembic/versions", "--no-down"]).exit(0).lacks("down script");
    assert!(scripts(&project).is_empty());
    assert!(!project.path().join("reverted").exists());
}

/// The project's own app has branches and a merge, beside Django's own apps.
#[test]
fn django_reverts_one_migration_of_one_app() {
    let Some(python) = python() else { return did_not_run("Django") };
    let settings = format!(
        "[project]\nname = \"code\"\n[migrations]\ntool = \"django\"\nprogram = [{python:?}, \"manage.py\"]\n\
         [migrations.variables]\nDB_HOST = \"{{host}}\"\nDB_USER = \"{{user}}\"\nDB_NAME = \"{{database}}\"\n"
    );
    let migration = |dependencies: &str, operations: &str| {
        format!(
            "from django.db import migrations, models\nclass Migration(migrations.Migration):\n    dependencies = [{dependencies}]\n    \
             operations = [{operations}]\n"
        )
    };
    let table = "migrations.CreateModel('Shop', fields=[('id', models.BigAutoField(primary_key=True)), \
                 ('owner', models.ForeignKey('auth.User', on_delete=models.CASCADE))])";
    let column = |name: &str| format!("migrations.AddField('shop', '{name}', models.TextField(default=''))");
    let [one, two] = ["one", "two"].map(column);
    let files = [
        ("manage.py", code::MANAGE.to_owned()),
        ("settings.py", code::DJANGO.to_owned()),
        ("shop/__init__.py", String::new()),
        ("shop/migrations/__init__.py", String::new()),
        ("shop/migrations/0001_shop.py", migration("('auth', '0001_initial')", table)),
        ("shop/migrations/0002_one.py", migration("('shop', '0001_shop')", &one)),
        ("shop/migrations/0002_two.py", migration("('shop', '0001_shop')", &two)),
        ("shop/migrations/0003_both.py", migration("('shop', '0002_one'), ('shop', '0002_two')", "")),
        (
            "shop/migrations/0004_rows.py",
            migration("('shop', '0003_both')", "migrations.RunPython(lambda apps, editor: None)"),
        ),
        (
            "shop/migrations/0005_sql.py",
            migration(
                "('shop', '0004_rows')",
                "migrations.RunSQL('CREATE INDEX shops_one ON shop_shop (one)', 'DROP INDEX shops_one'), \
                 migrations.RunPython(lambda apps, editor: None, migrations.RunPython.noop)",
            ),
        ),
    ];
    let project = project(&settings, &files);
    take_over(&project, "django", &[])
        .exit(0)
        .says("read them before they run: V2__remove_content_type_name")
        .says("V19__rows: django.db.migrations.exceptions.IrreversibleError: Operation <RunPython ");
    let scripts = scripts(&project);
    let total = fs::read_dir(project.path().join("migrations")).unwrap().count() - scripts.len();
    assert_eq!((total, scripts.len()), (20, 19), "{scripts:?}");
    // Nothing that Django does after a migration, and nothing of the other branch.
    let two = scripts.iter().find(|name| name.ends_with("__two")).unwrap();
    assert_eq!(
        text(&project, &format!("{two}.down.sql")),
        "ALTER TABLE \"shop_shop\" DROP COLUMN \"two\" CASCADE;\n"
    );
    is_trueups(&project);
    goes_down_and_up(&project, &[19]);
    // What V2 did to rows is a program that only knew those of the throwaway database.
    let database = support::database();
    for to in [["upgrade", "--to", "18"], ["downgrade", "--to", "2"], ["upgrade", "--to", "20"]] {
        project.trueup(to, &database).args(["--yes", "--no-backup"]).exit(0);
    }
    project.check(&database).exit(0);
}
