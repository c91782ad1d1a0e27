//! `action.yml` and the files of `examples/pipelines`: their engines take them, and their commands do what docs/pipelines.md says.

use std::collections::HashMap;
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

/// The template of Helm with the values of its chart, for an environment; `None` where Python or Go is missing.
fn rendered(place: &Path, environment: &str) -> Option<PathBuf> {
    Command::new("go").arg("version").output().ok().filter(|output| output.status.success())?;
    let mut json = read(&["json", &file(&format!("{HELM}/values.yaml"))])?.exit(0).json();
    json["trueup"]["environment"] = environment.into();
    let (values, manifest) = (place.join("values.json"), place.join("rendered.yaml"));
    fs::write(&values, json.to_string()).unwrap();
    let render = file("tests/pipelines/render.go");
    let template = file(&format!("{HELM}/templates/trueup-migrate.yaml"));
    let go = Program::of("go")
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .env("HOME", place);
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
    // A name that YAML takes for a number, and one that ends an argument of a list.
    match rendered(place.path(), "2026, [\"a\"]") {
        Some(manifest) => {
            valid("kubernetes", manifest.to_str().unwrap()).unwrap().exit(0);
            let commands = read(&["commands", "kubernetes", manifest.to_str().unwrap()]).unwrap();
            assert!(commands.exit(0).json().to_string().contains("'2026, [\\\"a\\\"]'"));
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
    let files = FILES.into_iter().skip(1).chain([ECS]).map(|(kind, path)| (kind, file(path)));
    let helm = rendered(place.path(), "production");
    let helm = helm.map(|manifest| ("kubernetes", manifest.to_str().unwrap().to_owned()));
    for (kind, path) in files.chain(helm) {
        let Some(reader) = read(&["commands", kind, &path]) else { return did_not_run() };
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

/// docs/pipelines.md: 3 and 75 are tried again, twice at most; every other code stops.
#[test]
fn no_answer_and_busy_are_tried_again_and_nothing_else() {
    for (kind, path) in FILES.into_iter().skip(2) {
        let Some(reader) = read(&["attempts", kind, &file(path)]) else { return did_not_run() };
        let begun: HashMap<u32, u32> = serde_json::from_value(reader.exit(0).json()).unwrap();
        for (code, times) in begun {
            assert_eq!(times, if matches!(code, 3 | 75) { 3 } else { 1 }, "{path}: {code}");
        }
    }
}

/// A branch that nobody has merged is not deployed.
#[test]
fn only_the_main_branch_is_deployed() {
    let of = |(kind, path): (&str, &str)| Some(read(&["branches", kind, &file(path)])?.exit(0).json());
    let (Some(workflow), Some(gitlab)) = (of(FILES[1]), of(FILES[2])) else { return did_not_run() };
    assert_eq!(workflow, serde_json::json!({"push": {"branches": ["main"]}}));
    assert_eq!(gitlab, serde_json::json!([{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}]));
}

/// The steps after it find what it has built.
#[test]
fn the_action_builds_trueup_where_there_is_none() {
    let Some(reader) = read(&["script", &file("action.yml"), "build"]) else { return did_not_run() };
    let script = reader.exit(0).stdout().to_owned();
    let place = TempDir::new().unwrap();
    let (path, home) = (place.path().join("path"), place.path().join("cargo home"));
    program(place.path(), "cargo", "echo \"$@\"");
    let run = |with: &str| {
        fs::write(&path, "").unwrap();
        // The shell of GitHub, with nothing else on its PATH.
        let bash = Program::of("/bin/bash").args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script]);
        let bash = bash.env("PATH", with).env("CARGO_HOME", &home).env("GITHUB_PATH", &path);
        let ran = bash.env("GITHUB_ACTION_PATH", "/of the action").run().exit(0);
        (ran.stdout().to_owned(), fs::read_to_string(&path).unwrap())
    };
    let (said, added) = run(place.path().to_str().unwrap());
    assert_eq!(said, "install --quiet --locked --path /of the action\n");
    assert_eq!(added, format!("{}/bin\n", home.display()));
    let built = Path::new(env!("CARGO_BIN_EXE_trueup")).parent().unwrap();
    assert_eq!(run(built.to_str().unwrap()), (String::new(), String::new()));
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
        ("none 0", 0, 2),
    ] {
        let place = TempDir::new().unwrap();
        let log = place.path().join("log");
        program(
            place.path(),
            "aws",
            &format!(
                "case \"$2\" in\n\
                 run-task) echo x >> {0}; [ $(echo {codes} | cut -d' ' -f$(wc -l < {0})) != none ] \
                 && echo arn:aws:ecs:task/$(wc -l < {0}) || echo None ;;\n\
                 wait) case \"$*\" in *None*) exit 255 ;; esac ;;\n\
                 describe-tasks) echo {codes} | cut -d' ' -f$(wc -l < {0}) ;;\n\
                 esac",
                log.display()
            ),
        );
        shell(&site, &database, place.path(), &file("examples/pipelines/ecs/run-task.sh")).exit(exit);
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), tasks, "{codes}");
    }
}

/// Its end is that of the script.
#[test]
fn a_job_of_kubernetes_is_waited_for() {
    let (site, database) = site();
    for (conditions, exit) in
        [("Complete", 0), ("SuccessCriteriaMet Complete", 0), ("Failed", 1), ("FailureTarget Failed", 1)]
    {
        let place = TempDir::new().unwrap();
        let asked = place.path().join("asked");
        let script = format!(
            "case $1 in\n\
             create) echo job.batch/trueup-migrate-abcde ;;\n\
             get) echo x >> {0}; case $(wc -l < {0}) in 1) ;; 2) echo FailureTarget ;; 3) exit 1 ;; *) echo {conditions} ;; esac ;;\n\
             logs) echo \"[pod] DO NOT DEPLOY\" ;;\n\
             esac",
            asked.display()
        );
        program(place.path(), "kubectl", &script);
        let ran = shell(&site, &database, place.path(), &file("examples/pipelines/kubernetes/run-job.sh"))
            .exit(exit);
        ran.says("DO NOT DEPLOY");
        assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), 4, "{conditions}");
    }
}
