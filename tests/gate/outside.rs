//! The sections that need no SQL: variables, commands, results of tests, people.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{at_base, codes, conclusion, configure, document, gate, project, section};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase, wait_for};

const FORMATS: [&str; 8] = ["human", "json", "markdown", "junit", "sarif", "github", "gitlab", "html"];
/// A value that nothing may show.
const MARKER: &str = "canary-5f2e-of-a-secret";

/// A project with these settings, and a database in which one migration is pending.
fn site(settings: &str) -> (Project, TestDatabase) {
    let site = project(settings, &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    (site, database)
}

/// The conclusion of a section, and its findings' codes without `gate.SECTION.`.
fn judged(document: &Value, name: &str) -> (String, Vec<String>) {
    let prefix = format!("gate.{name}.");
    let codes = codes(document, name).into_iter().map(|code| code.replace(&prefix, "")).collect();
    (conclusion(document, name).to_owned(), codes)
}

fn expect(document: &Value, name: &str, conclusion: &str, codes: &[&str]) {
    let found = judged(document, name);
    assert_eq!((found.0.as_str(), &found.1[..]), (conclusion, &strings(codes)[..]), "{document:#}");
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// `git` in the project, as Alice.
fn git(site: &Project, args: &[&str]) {
    let identity =
        ["-c", "user.name=Alice", "-c", "user.email=alice@example.com", "-c", "commit.gpgsign=false"];
    let mut git = Command::new("git");
    let output = git.arg("-C").arg(site.path()).args(identity).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(site: &Project) {
    if !site.path().join(".git").exists() {
        git(site, &["init", "-q"]);
    }
    git(site, &["add", "-A"]);
    git(site, &["commit", "-q", "--allow-empty", "-m", "all"]);
}

#[test]
fn what_is_not_configured_is_not_asked() {
    let (site, database) = site("");
    let found = document(&site, &database, &[], 0);
    for name in ["environment", "commands", "evidence", "people"] {
        expect(&found, name, "off", &[]);
    }
}

#[test]
fn environment_is_judged_and_no_format_shows_a_value() {
    let (site, database) = site("[gate]\nrequire_env = [\"SECRET_KEY\", \"REDIS_URL ~ ^rediss://\"]\n");
    let asked =
        |key: &str, redis: &str| gate(&site, &database).env("SECRET_KEY", key).env("REDIS_URL", redis);
    let found =
        |key: &str, redis: &str, exit| asked(key, redis).args(["--format", "json"]).exit(exit).document();
    expect(&document(&site, &database, &[], 1), "environment", "blocks", &["missing", "missing"]);
    expect(&found("", "rediss://a", 1), "environment", "blocks", &["missing"]);
    expect(&found(MARKER, &format!("redis://a:{MARKER}@b"), 1), "environment", "blocks", &["pattern"]);
    expect(&found(MARKER, &format!("rediss://a:{MARKER}@b"), 0), "environment", "ready", &[]);
    let wrong = asked(MARKER, &format!("redis://{MARKER}")).exit(1);
    wrong.says(["REDIS_URL does not match ^rediss://", "DO NOT DEPLOY: environment"]);
    for format in FORMATS {
        for redis in [format!("redis://{MARKER}"), format!("rediss://a:{MARKER}@b/c")] {
            asked(MARKER, &redis).args(["-v", "--format", format]).case(format).run().lacks(MARKER);
        }
    }
    configure(&site, "[gate]\nrequire_env = [\"SECRET_KEY\"]\n[gate.environment]\nlevel = \"warn\"\n");
    expect(&document(&site, &database, &[], 0), "environment", "warns", &["missing"]);
    for wrong in ["\"a b\"", "\"A ~ (\"", "\"A ~\"", "\"A\", \"A\"", "\"1A\""] {
        configure(&site, &format!("[gate]\nrequire_env = [{wrong}]\n"));
        gate(&site, &database).case(wrong).exit(2).says("gate.require_env: ");
    }
}

/// `[[gate.command]]`, which runs this script.
fn command(name: &str, timeout: &str, script: &str) -> String {
    let script = Value::from(script);
    format!(
        "[[gate.command]]\nname = \"{name}\"\ntimeout = \"{timeout}\"\ncommand = [\"sh\", \"-c\", {script}]\n"
    )
}

#[test]
fn commands_are_judged_by_their_exit_code() {
    let (site, database) = site(&command("health", "20s", "pwd > where; exit 0"));
    let found = document(&site, &database, &[], 0);
    expect(&found, "commands", "ready", &[]);
    let told = section(&found, "commands")["details"][0].as_str().unwrap();
    assert!(told.starts_with("health: exit code 0 after "), "{told}");
    let told = fs::read_to_string(site.path().join("where")).unwrap();
    assert_eq!(told.trim(), site.path().canonicalize().unwrap().to_str().unwrap());
    let both =
        [command("health", "20s", "true"), command("smoke", "20s", "echo first; echo it broke >&2; exit 22")]
            .concat();
    configure(&site, &both);
    expect(&document(&site, &database, &[], 1), "commands", "blocks", &["failed"]);
    gate(&site, &database).exit(1).says([
        "smoke: exit code 22 after",
        "it broke",
        "first",
        "run it by itself: sh -c",
    ]);
    configure(&site, &command("health", "20s", "kill -9 $$"));
    gate(&site, &database).exit(1).says("health: signal: 9");
    configure(&site, "[[gate.command]]\nname = \"health\"\ncommand = [\"/nowhere/at/all\"]\n");
    expect(&document(&site, &database, &[], 3), "commands", "cannot tell", &[]);
    // A failure beside it is known.
    configure(
        &site,
        &format!(
            "[[gate.command]]\nname = \"health\"\ncommand = [\"/nowhere\"]\n{}",
            command("a", "5s", "false")
        ),
    );
    expect(&document(&site, &database, &[], 1), "commands", "blocks", &["failed"]);
    for (wrong, words) in [
        ("name = \"a\"", "\"a\" needs command"),
        ("command = [\"a\"]", "an entry needs name"),
        ("name = \"a\"\ncommand = []", "\"a\" needs command"),
        ("name = \"a\"\ncommand = [\"a\"]\nshell = true", "unknown key \"shell\""),
        ("name = \"a\"\ncommand = [\"a\"]\ntimeout = \"0s\"", "gate.command.timeout: expected"),
    ] {
        configure(&site, &format!("[[gate.command]]\n{wrong}\n"));
        gate(&site, &database).case(wrong).exit(2).says(words);
    }
}

#[test]
fn the_output_of_a_command_is_shown_without_secrets() {
    let settings = "[gate]\nrequire_env = [\"SECRET_KEY\"]\n[[gate.command]]\nname = \"health\"\n\
                    command = [\"sh\", \"leak.sh\"]\n";
    let (site, database) = site(settings);
    let script = "echo \"key $SECRET_KEY\"; echo postgres://a:$SECRET_KEY@b/c; echo postgres://a:hidden@b/c\n\
                  echo $PGPASSWORD; echo shown >&2; exit 1\n";
    fs::write(site.path().join("leak.sh"), script).unwrap();
    let other = "canary-of-a-password";
    for format in FORMATS {
        let ran = gate(&site, &database).env("SECRET_KEY", MARKER).env("PGPASSWORD", other);
        let ran = ran.args(["-v", "--format", format]).case(format).exit(1).lacks([MARKER, other, "hidden"]);
        if ["human", "json", "markdown", "html"].contains(&format) {
            ran.says(["key ...", "shown"]);
        }
    }
}

#[test]
fn a_command_is_killed_with_its_children_at_its_timeout_and_at_the_deadline() {
    let script = "sleep 300 & echo $! > child; wait";
    let (site, database) = site(&command("health", "500ms", script));
    let gone = || {
        let child = fs::read_to_string(site.path().join("child")).unwrap();
        let process = format!("/proc/{}/stat", child.trim());
        wait_for("the end of the child", || {
            // One that nobody has waited for is a zombie.
            fs::read_to_string(&process).map_or(true, |stat| stat.contains(") Z "))
        });
    };
    let began = Instant::now();
    expect(&document(&site, &database, &[], 1), "commands", "blocks", &["timeout"]);
    gone();
    assert!(began.elapsed() < Duration::from_secs(20));
    configure(&site, &format!("[gate]\ndeadline = \"5s\"\n{}", command("health", "1min", script)));
    let began = Instant::now();
    expect(&document(&site, &database, &[], 3), "commands", "cannot tell", &[]);
    gone();
    assert!(began.elapsed() < Duration::from_secs(20));
}

const PASSED: &str = "<testsuite tests=\"1\"><testcase name=\"a\"/></testsuite>";

#[test]
fn evidence_is_judged_by_junit_files_and_the_commit() {
    let entry = "[[gate.evidence]]\nname = \"unit tests\"\njunit = \"reports/*.xml\"\n";
    let (site, database) = site(entry);
    let report = |text: &str| {
        fs::create_dir_all(site.path().join("reports")).unwrap();
        fs::write(site.path().join("reports/junit.xml"), text).unwrap();
    };
    let found = |exit| document(&site, &database, &[], exit);
    expect(&found(1), "evidence", "blocks", &["missing"]);
    report(PASSED);
    expect(&found(3), "evidence", "cannot tell", &[]);
    gate(&site, &database).exit(3).says("whether it is older than the commit is not known: git: ");
    commit(&site);
    report(PASSED);
    expect(&found(0), "evidence", "ready", &[]);
    report(
        "<testsuite><testcase classname=\"t\" name=\"sign up\"><failure/></testcase><testcase name=\"b\"/></testsuite>",
    );
    expect(&found(1), "evidence", "blocks", &["failed"]);
    gate(&site, &database).exit(1).says("unit tests: 1 of 2 tests failed: t sign up");
    report("<testsuite><testcase name=\"a\"><skipped/></testcase></testsuite>");
    expect(&found(1), "evidence", "blocks", &["empty"]);
    report("<testsuite timestamp=\"2020-01-01T00:00:00Z\"><testcase name=\"a\"/></testsuite>");
    expect(&found(1), "evidence", "blocks", &["stale"]);
    // A file of an earlier commit.
    report(PASSED);
    let old = fs::File::options().write(true).open(site.path().join("reports/junit.xml")).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    expect(&found(1), "evidence", "blocks", &["stale"]);
    report("<testsuite><testcase");
    expect(&found(3), "evidence", "cannot tell", &[]);
    configure(&site, &format!("{entry}level = \"warn\"\n"));
    expect(&found(0), "evidence", "warns", &["unreadable"]);
    fs::remove_dir_all(site.path().join("reports")).unwrap();
    expect(&found(0), "evidence", "warns", &["missing"]);
    configure(&site, &format!("{entry}level = \"off\"\n"));
    expect(&found(0), "evidence", "off", &[]);
}

const ATTEST: &str = "[[gate.attest]]\nname = \"tested on staging\"\nexpires = \"7d\"\n";

fn attest(site: &Project, database: &TestDatabase, more: &[&str]) -> Program {
    site.trueup(["attest", "tested on staging", "--reason", "signed up and logged in"], database)
        .args(more)
        .env("COLUMNS", "200")
}

fn lines(site: &Project) -> Vec<Value> {
    let text = fs::read_to_string(site.path().join("attestations.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn people_say_it_for_one_lock_and_one_set_of_migrations() {
    let (site, database) = site(ATTEST);
    let found = |exit| document(&site, &database, &[], exit);
    expect(&found(1), "people", "blocks", &["missing"]);
    gate(&site, &database).exit(1).says([
        "tested on staging: nobody has said so",
        "trueup attest 'tested on staging' --reason TEXT",
        "trueup authenticates nobody",
    ]);
    commit(&site);
    attest(&site, &database, &["--by", "Bob"]).exit(0).says([
        "written to attestations.jsonl: tested on staging, by Bob, for 1 pending migration (2) and trueup.lock",
        "trueup authenticates nobody",
        "next: commit attestations.jsonl",
    ]);
    let line = &lines(&site)[0];
    let ready = found(0);
    expect(&ready, "people", "ready", &[]);
    assert_eq!((&line["lock"], &line["pending"]), (&ready["valid_for"]["lock"], &serde_json::json!(["2"])));
    assert_eq!((&line["by"], &line["reason"]), (&"Bob".into(), &"signed up and logged in".into()));
    assert_eq!(line["commit"].as_str().unwrap().len(), 40);
    gate(&site, &database).exit(0).says([
        "tested on staging: Bob, ",
        "signed up and logged in",
        "authenticates nobody",
    ]);
    // After the deploy the migrations are not pending any more.
    expect(&document(&site, &database, &["--when", "after"], 1), "people", "off", &[]);
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    expect(&found(1), "people", "blocks", &["void"]);
    gate(&site, &database).exit(1).says("made when 2 was pending, and now nothing is");
    attest(&site, &database, &[]).exit(0).says("for no pending migration");
    expect(&found(0), "people", "ready", &[]);
    // Another trueup.lock.
    fs::write(site.path().join("migrations/V3__m.sql"), "ALTER TABLE users ADD COLUMN b int;").unwrap();
    site.compile();
    expect(&found(1), "people", "blocks", &["void"]);
    // Too long ago.
    attest(&site, &database, &[]).exit(0);
    let path = site.path().join("attestations.jsonl");
    let mut all = lines(&site);
    all[2]["at"] = "2020-01-01T00:00:00Z".into();
    let text: String = all.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, text).unwrap();
    expect(&found(1), "people", "blocks", &["expired"]);
    fs::write(&path, "{\"name\": 1}\n").unwrap();
    for failed in [gate(&site, &database), attest(&site, &database, &[])] {
        let failed = failed.args(["--format", "json"]).exit(2).document();
        assert_eq!(failed["error"]["code"], "attestations.invalid");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"name\": 1}\n");
}

#[test]
fn two_people_are_two_names_and_no_author_of_the_migrations() {
    let (site, database) = site(&format!("{ATTEST}by = 2\n"));
    let found = |exit| document(&site, &database, &[], exit);
    for name in ["Bob", "bob"] {
        attest(&site, &database, &["--by", name]).exit(0);
    }
    attest(&site, &database, &["--by", "B\u{200b}ob"]).exit(2).says("a character that nobody sees");
    let few = found(1);
    expect(&few, "people", "blocks", &["too_few"]);
    let message = &section(&few, "people")["findings"][0]["message"];
    assert_eq!(message, "gate tested on staging: 1 of 2 names said so");
    attest(&site, &database, &["--by", "Alice"]).exit(0);
    // Without git nobody knows who has written the migrations.
    expect(&found(3), "people", "cannot tell", &[]);
    commit(&site);
    expect(&found(1), "people", "blocks", &["too_few"]);
    gate(&site, &database).exit(1).says("1 of 2 names said so (Alice wrote one of the migrations)");
    attest(&site, &database, &["--by", "ALICE@example.com"]).exit(0);
    expect(&found(1), "people", "blocks", &["too_few"]);
    attest(&site, &database, &["--by", "Carol"]).exit(0);
    expect(&found(0), "people", "ready", &[]);
}

/// A pipeline that cannot commit records it in the database, whose server says when.
#[test]
fn people_can_say_it_in_the_database() {
    let (site, database) = site(&format!("{ATTEST}by = 2\n"));
    commit(&site);
    let record = |more: &[&str]| attest(&site, &database, &["--record", "database"]).args(more);
    record(&[]).exit(4).says("not confirmed");
    attest(&site, &database, &["--by", "Bob"]).exit(0);
    record(&["--yes", "--by", "Carol"]).exit(0).says([
        "to record: tested on staging, by Carol, for 1 pending migration (2) and trueup.lock",
        "recorded in the database: tested on staging, by Carol",
        "trueup authenticates nobody",
    ]);
    // Both places count, and the file has its line alone.
    assert_eq!(lines(&site).len(), 1);
    let found = document(&site, &database, &[], 0);
    expect(&found, "people", "ready", &[]);
    let details = section(&found, "people")["details"].to_string();
    assert!(details.contains("Bob, 20") && details.contains("Carol, 20"), "{details}");
    // The audit log has it as a run, with its reason.
    let run = "SELECT command || ', ' || outcome || ', ' || reason FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
    assert_eq!(database.value(run), "attest, clean, signed up and logged in");
    let document = record(&["--yes", "--by", "Dora", "--format", "json"]).exit(0).document();
    assert_eq!((&document["file"], &document["attestation"]["by"]), (&Value::Null, &"Dora".into()));
    // A role that may not see the records does not know that nobody has said so.
    let role = format!("{}_blind", database.name());
    database.exec(&format!(
        "CREATE ROLE \"{role}\" LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\"; \
         GRANT USAGE ON SCHEMA trueup TO \"{role}\"; REVOKE SELECT ON trueup.steps FROM \"{role}\""
    ));
    let blind = database.url_as(&role);
    let found = site.trueup(["gate", "--format", "json"], blind.as_str()).exit_in(&[1, 3]).document();
    expect(&found, "people", "cannot tell", &[]);
    database.exec(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
    // It is void with other pending migrations, as a line of the file is.
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    expect(&self::document(&site, &database, &[], 1), "people", "blocks", &["void"]);
    // Nothing is recorded where nothing may be written.
    let name = database.name();
    database.exec(&format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on"));
    record(&["--yes"]).exit(4);
}

#[test]
fn an_attestation_names_what_is_wanted_and_says_why() {
    let (site, database) = site(ATTEST);
    let call = |args: &[&str]| site.trueup(["attest"], &database).args(args);
    call(&["tested on stagin", "--reason", "x"]).exit(2).says("did you mean \"tested on staging\"?");
    call(&["tested on staging"]).exit(2).says("--reason");
    call(&["tested on staging", "--reason", " "]).exit(2).says("--reason says nothing");
    call(&["tested on staging", "--reason", "x", "--by", ""]).exit(2).says("--by says nothing");
    let nobody = "postgres://a@127.0.0.1:1/b";
    site.trueup(["attest", "tested on staging", "--reason", "x"], nobody).exit(3);
    assert!(!site.path().join("attestations.jsonl").exists());
    git(&site, &["init", "-q"]);
    git(&site, &["config", "user.name", "Dora"]);
    assert_eq!(attest(&site, &database, &[]).document()["attestation"]["by"], "Dora");
    assert_eq!(lines(&site)[0]["commit"], Value::Null);
    // Another project's database.
    database.exec("UPDATE trueup.mark SET project = 'other'");
    attest(&site, &database, &[]).exit(4);
    assert_eq!(lines(&site).len(), 1);
    configure(&site, "");
    attest(&site, &database, &[]).exit(2).says("add to trueup.toml: [[gate.attest]]");
    for wrong in ["by = 0", "expires = \"soon\"", "name = \"twice\""] {
        configure(&site, &format!("[[gate.attest]]\nname = \"a\"\n{wrong}\n"));
        support::trueup(["gate"])
            .current_dir(site.path())
            .env("DATABASE_URL", database.url())
            .case(wrong)
            .exit(2);
    }
}

/// docs/gate.md shows what is printed, names every code, and its settings are read.
#[test]
fn the_page_shows_what_is_printed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let tables: Vec<&str> = blocks.iter().filter_map(|block| block.strip_prefix("toml\n")).collect();
    let of_here = |table: &&&str| {
        ["require_env", "[[gate.command]]", "[[gate.evidence]]", "[[gate.attest]]"]
            .iter()
            .any(|key| table.contains(key))
    };
    let settings: Vec<&str> = tables.iter().filter(of_here).copied().collect();
    assert_eq!(settings.len(), 4);
    let (site, database) = site(&settings.concat());
    let shown = blocks.iter().find_map(|block| block.strip_prefix("\n$ trueup attest ")).unwrap();
    let (command, printed) = shown.split_once('\n').unwrap();
    let words = shlex::split(command).unwrap();
    let ran = site.trueup(["attest"], &database).args(words).env("COLUMNS", "110").exit(0);
    let bare = |text: &str| -> Vec<String> {
        let line = |line: &str| match line.split_once("trueup.lock ") {
            // The hash is that of this project.
            Some((before, _)) => before.to_owned(),
            None => line.to_owned(),
        };
        text.lines().filter(|line| !line.starts_with("database ")).map(line).collect()
    };
    assert_eq!(bare(printed), bare(ran.stdout()), "{}", ran.stdout());
    for code in [
        "environment.missing",
        "environment.pattern",
        "environment.not_text",
        "commands.failed",
        "commands.timeout",
        "evidence.missing",
        "evidence.failed",
        "evidence.empty",
        "evidence.stale",
        "people.missing",
        "people.void",
        "people.expired",
        "people.too_few",
        "people.author",
    ] {
        assert!(page.contains(&format!("`gate.{code}`")), "{code}");
    }
}

#[test]
fn every_section_is_explained() {
    for (name, words) in [
        ("environment", "require_env"),
        ("commands", "[[gate.command]]"),
        ("evidence", "[[gate.evidence]]"),
        ("people", "trueup authenticates nobody"),
    ] {
        support::trueup(["explain", &format!("gate.{name}")]).exit(0).says(words);
    }
    support::trueup(["explain", "gate.people.too_few"]).exit(0).says("by = 2 wants two different names");
}
