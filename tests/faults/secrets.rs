//! A password appears nowhere, and variables of libpq do nothing. On the way to a connection: `tests/connect`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support;
use crate::support::cluster::cluster;
use crate::support::project::{Project, Site};
use crate::support::watch::{Watch, canary};

/// The whole way: a scratch server is started and its children live, while the secret is in the caller's hands.
#[test]
fn f53_a_password_reaches_no_child_no_output_and_no_file() {
    let secret = canary("faults");
    let cluster = cluster();
    // Not by a program: another test looks at every program's arguments.
    let password = format!("ALTER ROLE app PASSWORD '{secret}'");
    support::try_query_at(&cluster.url("postgres@127.0.0.1", "shop"), &password).unwrap();
    let project =
        Project::of_schema("CREATE TABLE t (id int);\nDO $$BEGIN PERFORM pg_catalog.pg_sleep(1); END$$;\n");
    let url = format!("postgres://app:{secret}@127.0.0.1:{}/shop", cluster.port);
    let by_flag: &[&str] = &["--database-url", &url];
    let before = files(project.path());
    for (flag, variables) in
        [(&[][..], vec![("DATABASE_URL", url.as_str()), ("PGPASSWORD", &secret)]), (by_flag, vec![])]
    {
        let check = project.trueup(["check", "-v", "--format", "json", "--output", "report.json"], "");
        let child = check.env_remove("DATABASE_URL").args(flag).envs(variables).start();
        let watch = Watch::start(secret.clone(), child.id());
        let ran = child.ended();
        let seen = watch.end();
        assert_eq!(seen.found, BTreeSet::new());
        assert!(seen.children > 0, "the scratch server was looked at");
        ran.exit(1).lacks(&secret);
    }
    let made: Vec<_> = files(project.path()).difference(&before).cloned().collect();
    assert_eq!(made, ["report.json"]);
    let report = fs::read_to_string(project.path().join("report.json")).unwrap();
    assert!(!report.contains(&secret), "{report}");
    assert!(!report.is_empty() && fs::remove_file(project.path().join("report.json")).is_ok());
}

/// A given scratch server has a password of its own.
#[test]
fn f53_a_scratch_servers_password_is_in_no_lock_file_and_no_error() {
    let secret = canary("faults");
    let host = support::database();
    let mut url = url::Url::parse(host.url()).unwrap();
    url.set_password(Some(&secret)).unwrap();
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    for scratch in
        [url.as_str(), &url.as_str().replace("5432", "5433"), &format!("postgres://u:{secret}@[::1")]
    {
        for verb in [&["check", "-v"][..], &["compile", "-v"]] {
            project.trueup(verb, &host).args(["--scratch-url", scratch]).run().lacks(&secret);
        }
    }
    for file in files(project.path()) {
        let text = fs::read(project.path().join(&file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(&secret), "{file}");
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Everything that libpq and psql would read, over a whole check: the same document, but for the run's own name.
#[test]
fn f54_a_hostile_environment_changes_no_finding() {
    let site = Site::with_drift();
    let expected = site.findings();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::write(at(".psqlrc"), "DROP TABLE public.users CASCADE;\n").unwrap();
    fs::write(at(".pg_service.conf"), "[elsewhere]\nhost=elsewhere.invalid\ndbname=postgres\n").unwrap();
    fs::write(at(".pgpass"), "*:*:*:*:wrong\n").unwrap();
    let check = site.check(&site.database).env("HOME", home.path()).envs([
        ("PGSERVICE", "elsewhere"),
        ("PGSERVICEFILE", at(".pg_service.conf").to_str().unwrap()),
        ("PGHOST", "elsewhere.invalid"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGDATABASE", "postgres"),
        ("PGUSER", "nobody"),
        ("PGPASSWORD", "wrong"),
        (
            "PGOPTIONS",
            "-c search_path=public -c quote_all_identifiers=on -c default_transaction_read_only=off",
        ),
        ("PGDATESTYLE", "German"),
        ("PGTZ", "Asia/Kathmandu"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGGEQO", "off"),
        ("PGSSLMODE", "verify-full"),
        ("PGCHANNELBINDING", "require"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGCONNECT_TIMEOUT", "1"),
        ("PGAPPNAME", "somebody"),
        ("PSQLRC", at(".psqlrc").to_str().unwrap()),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("TZ", "Asia/Kathmandu"),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
    ]);
    let ran = check.run();
    assert_eq!(ran.findings(), expected);
    assert_eq!(ran.stderr(), "");
}

/// A URL that was pasted into the wrong place: every format, standard output, standard error and the files of `--output`.
#[test]
fn f53_a_password_in_a_wrong_place_is_refused_and_not_repeated() {
    let secret = canary("faults");
    let (project, database) = (Project::reference(), support::database());
    project.build(&database);
    let url = format!("postgres://app:{secret}@db.example.com/shop");
    let odd = [
        format!("postgres://app:{secret}/a b@db/shop"),
        format!("postgresql://db/shop?user=app&password={secret}"),
        format!("host=db password={secret} dbname=shop"),
        format!("host=db password = {secret} dbname=shop"),
        format!("password='can\\'{secret} rest' host=db"),
        format!("PGPASSWORD=can'{secret}"),
    ];
    let says_nothing = |args: &[&str], format: &str| {
        let report = project.path().join("report.html");
        let output = ["--format", format, "--output", "report.html"];
        let call = project.trueup(args, &database).args(output).case(format!("{args:?} {format}"));
        call.current_dir(project.path()).exit(2).lacks(&secret);
        assert!(!fs::read_to_string(&report).unwrap_or_default().contains(&secret), "{args:?}");
    };
    for url in odd.iter().chain([&url]) {
        let flag = format!("--output={url}.json");
        for args in [
            &["restore", url, "--into", "postgres://nobody@127.0.0.1:1/x", "--yes"][..],
            &["check", "--only", url],
            &["check", "--env", url],
            &["check", "--project", url],
            &["check", &flag],
            &["check", "--output", url],
            &["environment", "set", url],
            &["backup", "verify", url],
            &["undo", url, "--yes"],
            &["verify", url],
            &["resolve", "3", "--as", "not-applied", "--reason", url],
        ] {
            for format in ["human", "json"] {
                says_nothing(args, format);
            }
        }
        for variable in ["TRUEUP_ENV", "TRUEUP_PROJECT"] {
            let call = project.trueup(["check"], &database).env(variable, url).case(variable);
            call.exit(2).says([variable, "holds a password"]).lacks(&secret);
        }
        let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
        for lines in [
            format!("[project]\nname = \"{url}\""),
            format!("[backup]\nstore = \"{url}\""),
            format!("[database]\nurl_env = \"{url}\""),
            format!("[database]\nset_role = \"{url}\""),
            format!("[database]\nignore = [\"{url}\"]"),
            format!("[database]\n\"{url}\" = 1"),
            format!("[environments.\"{url}\"]\nprotect = 1"),
            format!("[migrations]\nwait = \"{url}\""),
        ] {
            fs::write(project.path().join("trueup.toml"), lines).unwrap();
            for format in ["human", "junit", "markdown"] {
                says_nothing(&["status"], format);
            }
        }
        fs::write(project.path().join("trueup.toml"), settings).unwrap();
    }
    assert_eq!(database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'trueup'"), "0");
}
