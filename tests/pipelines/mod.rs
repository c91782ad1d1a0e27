//! `action.yml` and the files of `examples/pipelines`: their engines take them, and their commands do what docs/pipelines.md says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support;
use crate::support::TestDatabase;
use crate::support::program::{Program, Ran};
use crate::support::project::Project;
use crate::support::tools;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pipelines/read.py");

/// The files, with what reads them.
const FILES: [(&str, &str); 5] = [
    ("action", "action.yml"),
    ("workflow", "examples/pipelines/github/deploy.yml"),
    ("gitlab", "examples/pipelines/gitlab/.gitlab-ci.yml"),
    ("kubernetes", "examples/pipelines/kubernetes/migrate.yaml"),
    ("kubernetes", "examples/pipelines/argocd/presync.yaml"),
];
const ECS: (&str, &str) = ("ecs", "examples/pipelines/ecs/run-task.json");
const HELM: &str = "examples/pipelines/helm";

fn read(args: &[&str]) -> Option<Program> {
    let python = tools::directory()?.join("venv/bin/python");
    let modules = "import botocore, check_jsonschema, kubernetes_validate, yaml";
    let works = Command::new(&python).args(["-c", modules]).output();
    works
        .is_ok_and(|output| output.status.success())
        .then(|| Program::of(&python).env("PYTHONDONTWRITEBYTECODE", "1").arg(READER).args(args))
}

fn did_not_run() {
    tools::did_not_run(
        "check-jsonschema, kubernetes-validate or botocore",
        "the files for pipelines were not read",
    );
}

fn file(path: &str) -> String {
    format!("{ROOT}/{path}")
}

/// The template of Helm with the values of its chart; `None` where Go is missing.
fn rendered(place: &Path) -> Option<PathBuf> {
    Command::new("go").arg("version").output().ok().filter(|output| output.status.success())?;
    let values = fs::read_to_string(file(&format!("{HELM}/values.yaml"))).unwrap();
    // Two levels of names are all there is.
    let mut json = serde_json::Map::new();
    let mut section = String::new();
    for line in values.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.split_once(':').unwrap() {
            (name, "") => section = name.to_owned(),
            (name, value) => {
                let of_section = json.entry(section.clone()).or_insert_with(|| serde_json::json!({}));
                of_section[name.trim()] = value.trim().into();
            }
        }
    }
    let (values, manifest) = (place.join("values.json"), place.join("rendered.yaml"));
    fs::write(&values, serde_json::to_string(&json).unwrap()).unwrap();
    let render = file("tests/pipelines/render.go");
    let template = file(&format!("{HELM}/templates/trueup-migrate.yaml"));
    let go = Program::of("go").env("GOCACHE", place.join("cache")).env("HOME", place);
    let ran = go.args(["run", &render, &template]).arg(&values).exit(0);
    fs::write(&manifest, ran.stdout()).unwrap();
    Some(manifest)
}

#[test]
fn every_file_is_what_its_engine_takes() {
    let valid = |kind: &str, path: &str| read(&["valid", kind, path]);
    if valid("", "").is_none() {
        return did_not_run();
    }
    for (kind, path) in FILES.into_iter().chain([ECS]) {
        valid(kind, &file(path)).unwrap().exit(0);
    }
    // A name that is written wrong is found.
    let place = TempDir::new().unwrap();
    let wrong = [
        ("action", 0, "using: composite", "using: compsite"),
        ("workflow", 1, "runs-on:", "run-on:"),
        ("gitlab", 2, "exit_codes:", "exit_code:"),
        ("kubernetes", 3, "podFailurePolicy:", "podFailurePolice:"),
    ];
    for (kind, number, right, wrong) in wrong {
        let text = fs::read_to_string(file(FILES[number].1)).unwrap();
        assert!(text.contains(right), "{kind}");
        let path = place.path().join(kind);
        fs::write(&path, text.replace(right, wrong)).unwrap();
        valid(kind, path.to_str().unwrap()).unwrap().exit(1);
    }
    let text = fs::read_to_string(file(ECS.1)).unwrap().replace("\"count\": 1", "\"count\": \"1\"");
    let path = place.path().join("ecs");
    fs::write(&path, text).unwrap();
    valid("ecs", path.to_str().unwrap()).unwrap().exit(1).says("count");
    match rendered(place.path()) {
        Some(manifest) => {
            let ran = valid("kubernetes", manifest.to_str().unwrap()).unwrap().exit(0);
            drop(ran);
            let text = fs::read_to_string(&manifest).unwrap();
            assert!(
                text.contains("helm.sh/hook: pre-upgrade") && text.contains("platform-trueup-migrate"),
                "{text}"
            );
        }
        None => tools::did_not_run("Go", "the template of Helm was not rendered"),
    }
}

/// A project with an environment production, and a database in which its second migration is pending.
fn site() -> (Project, TestDatabase) {
    let site = Project::of_schema("");
    fs::remove_dir_all(site.path().join("schema")).unwrap();
    fs::create_dir(site.path().join("migrations")).unwrap();
    fs::write(site.path().join("migrations/V1__users.sql"), "CREATE TABLE users (id bigint PRIMARY KEY);")
        .unwrap();
    fs::write(site.path().join("migrations/V2__name.sql"), "ALTER TABLE users ADD COLUMN name text;")
        .unwrap();
    let settings = "[project]\nname = \"platform\"\n[backup]\nrequired = \"never\"\n[environments.production]\nprotected = true\n";
    fs::write(site.path().join("trueup.toml"), settings).unwrap();
    site.compile();
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1", "--env", "production"], &database).exit(0);
    (site, database)
}

/// A shell in the project's directory, with `trueup` and these programs.
fn shell(site: &Project, database: &TestDatabase, programs: &Path, script: &str) -> Ran {
    let bin = Path::new(env!("CARGO_BIN_EXE_trueup")).parent().unwrap();
    let path = format!("{}:{}:{}", programs.display(), bin.display(), std::env::var("PATH").unwrap());
    let bash = Program::of("bash").args(["-c", script]).current_dir(site.path());
    bash.env("PATH", path).env("DATABASE_URL", database.url()).env("PAUSE", "0").run()
}

/// A program of that name that is a shell script.
fn program(place: &Path, name: &str, script: &str) {
    let path = place.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_commands_of_every_file_migrate_and_are_ready_after_it() {
    let place = TempDir::new().unwrap();
    for (kind, path) in FILES.into_iter().skip(1).chain([ECS]) {
        let Some(reader) = read(&["commands", kind, &file(path)]) else { return did_not_run() };
        let commands: Vec<String> = serde_json::from_value(reader.exit(0).json()).unwrap();
        assert!(!commands.is_empty(), "{path}");
        let (site, database) = site();
        let verdict = site.path().join("gate.json");
        if kind == "workflow" {
            // The action asks the gate there.
            site.trueup(["gate", "--env", "production", "--output", "gate.json"], &database).exit(0);
        }
        for command in commands {
            let command = command.replace("/verdict/gate.json", verdict.to_str().unwrap());
            shell(&site, &database, place.path(), &command).exit(0);
        }
        assert!(verdict.is_file(), "{path}");
        site.trueup(["gate", "--when", "after", "--env", "production"], &database).exit(0).says("READY");
    }
}

#[test]
fn the_action_says_the_verdict_and_asks_again_where_there_is_no_answer() {
    let Some(reader) = read(&["script", &file("action.yml"), "gate"]) else { return did_not_run() };
    let script = reader.exit(0).stdout().replace("sleep ", ": ");
    let (site, database) = site();
    let place = TempDir::new().unwrap();
    let output = place.path().join("output");
    let step = |when: &str, attempts: u32| {
        let _ = fs::remove_file(&output);
        let set = format!(
            "WHEN={when} ENVIRONMENT=production ATTEMPTS={attempts} GITHUB_OUTPUT={}\n{script}",
            output.display()
        );
        let ran = shell(&site, &database, place.path(), &set);
        (ran, fs::read_to_string(&output).unwrap())
    };
    let (ran, said) = step("before", 3);
    ran.exit(0);
    assert_eq!(said, "verdict=READY\nexit-code=0\n");
    assert!(site.path().join("gate.json").is_file());
    let (ran, said) = step("after", 3);
    ran.exit(1).says("::error");
    assert_eq!(said, "verdict=DO NOT DEPLOY\nexit-code=1\n");
    // Busy twice, then no answer: the third one counts.
    let counted = place.path().join("asked");
    program(
        place.path(),
        "trueup",
        &format!("echo x >> {0}\n[ $(wc -l < {0}) -lt 3 ] && exit 75\nexit 3", counted.display()),
    );
    let (ran, said) = step("before", 3);
    ran.exit(3);
    assert_eq!(said, "verdict=CANNOT TELL\nexit-code=3\n");
    assert_eq!(fs::read_to_string(&counted).unwrap().lines().count(), 3);
}

/// The exit code of the container is that of the script; an answer that there is none is asked for again.
#[test]
fn a_task_of_ecs_ends_with_the_code_of_its_container() {
    let (site, database) = site();
    for (codes, exit, tasks) in [
        ("0", 0, 1),
        ("1", 1, 1),
        ("4", 4, 1),
        ("75 0", 0, 2),
        ("3 3 1", 1, 3),
        ("75 75 75", 75, 3),
        ("None None None", 3, 3),
    ] {
        let place = TempDir::new().unwrap();
        let log = place.path().join("log");
        program(
            place.path(),
            "aws",
            &format!(
                "case \"$2\" in\n\
                 run-task) echo x >> {0}; echo arn:aws:ecs:task/$(wc -l < {0}) ;;\n\
                 wait) ;;\n\
                 describe-tasks) echo {codes} | cut -d' ' -f$(wc -l < {0}) ;;\n\
                 esac",
                log.display()
            ),
        );
        shell(&site, &database, place.path(), &file("examples/pipelines/ecs/run-task.sh")).exit(exit);
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), tasks, "{codes}");
    }
}
