//! What cannot be squashed, and what is not removed.

use super::*;

#[track_caller]
fn refused(migrations: &[(&str, &str)], words: &[&str]) {
    let project = of(migrations);
    let before = files(&project);
    let ran = squash(&project, "2").exit(1).says("nothing was written");
    words.iter().fold(ran, |ran, word| ran.says(*word));
    assert_eq!(files(&project), before);
    run(&project, "", &["compile", "--check"]).exit(0);
}

#[test]
fn what_no_baseline_can_have_is_named() {
    let second = ("V2__b.sql", "CREATE TABLE b ();\n");
    refused(
        &[("V1__a.sql", "SELECT 1;\nCREATE ROLE squash_role;\n"), second],
        &["V1__a.sql: line 2: CREATE ROLE", "roles of the server"],
    );
    refused(
        &[("V1__a.sql", "CREATE TABLE a (); CREATE PUBLICATION p FOR TABLE a;\n"), second],
        &["publication p"],
    );
    refused(
        &[
            ("V1__a.sql", "CREATE TABLE a (made timestamptz); INSERT INTO a VALUES (clock_timestamp());\n"),
            second,
        ],
        &["public.a column made", "another value each time", "no default"],
    );
    refused(
        &[("V1__a.sql", "CREATE TABLE a (id int); INSERT INTO a SELECT generate_series(1, 6000);\n"), second],
        &["public.a has more rows than the 5000"],
    );
    // A trigger makes rows when the baseline inserts them that it did not make when the old ones did.
    refused(
        &[
            ("V1__a.sql", "CREATE TABLE a (id int); CREATE TABLE log (id int); INSERT INTO a VALUES (1);\n"),
            ("V2__b.sql", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (1); RETURN NEW; END';
              CREATE TRIGGER f AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();\n"),
        ],
        &["V2__baseline would not build", "public.log has rows"],
    );
}

#[test]
fn files_that_no_commit_has_are_not_removed() {
    let project = project();
    fs::write(project.path().join("migrations/V2__features.down.sql"), "DROP TABLE features;\n").unwrap();
    squash(&project, "4").exit(4).says([
        "1 file that would be removed",
        "V2__features.down.sql",
        "commit them first",
    ]);
    squash(&project, "4").arg("--dry-run").exit(0);
    fs::remove_dir_all(project.path().join(".git")).unwrap();
    squash(&project, "4").env("GIT_CEILING_DIRECTORIES", project.path()).exit(4).says("may be nowhere else");
    assert_eq!(files(&project).len(), 6);
}

#[test]
fn wrong_arguments_are_told() {
    let project = project();
    squash(&project, "9").exit(2).says(["no such version", "1 to 5"]);
    squash(&project, "1").exit(2).says("nothing to squash");
    squash(&project, "4").args(["--name", "a b"]).exit(2).says("letters, digits");
    run(&project, "", &["squash"]).exit(2).says("--to");
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}[migrations]\ntool = \"flyway\"\n"))
        .unwrap();
    squash(&project, "4").exit(2).says("squash them with it");
}
