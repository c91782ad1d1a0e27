//! Where files of the project lie, and where reports may be written: no pipe is waited for, no link leads out of the
//! project, and no report overwrites a file of the project.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support;
use crate::support::project::Project;

/// A project with a file of every kind.
fn project() -> Project {
    let project = Project::reference();
    fs::create_dir(project.path().join("schema/seeds")).unwrap();
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/seeds/organizations.toml");
    fs::copy(seed, project.path().join("schema/seeds/organizations.toml")).unwrap();
    project.compile();
    project
}

/// One file of every kind, and a command that reads it.
fn kinds(project: &Project) -> Vec<(String, &'static [&'static str])> {
    let first = |folder: &str| {
        let entries = fs::read_dir(project.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".sql"));
        names.sort();
        format!("{folder}/{}", names[0])
    };
    vec![
        ("trueup.toml".into(), &["status"]),
        ("trueup.lock".into(), &["check"]),
        (first("schema"), &["check"]),
        (first("migrations"), &["status"]),
        (first("checks"), &["verify"]),
        ("schema/seeds/organizations.toml".into(), &["seed", "--check"]),
    ]
}

#[test]
fn f46_a_pipe_in_a_files_place_is_not_waited_for() {
    let (project, database) = (project(), support::database());
    for (file, command) in kinds(&project) {
        let path = project.path().join(&file);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let call = project.trueup(command, &database).case(&file);
        let ran = call.start().ends_within(Duration::from_secs(20));
        ran.exit(2).says([&file[..], "expected a file, found something else"]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
}

#[test]
fn f53_a_link_out_of_the_project_is_not_read_and_its_target_not_quoted() {
    let (project, database) = (project(), support::database());
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "canary = secret canary;\n").unwrap();
    for (file, command) in kinds(&project) {
        let path = project.path().join(&file);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&secret, &path).unwrap();
        let ran = project.trueup(command, &database).case(&file).exit(2).lacks("canary");
        ran.says([&file[..], "a symbolic link to", "outside of the project"]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
}

/// A folder that is a link to one elsewhere; one that the settings name elsewhere is read.
#[test]
fn f53_a_folder_that_leads_out_of_the_project_is_not_read() {
    let (project, database) = (project(), support::database());
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| project.path().join(name);
    for folder in ["schema/seeds", "schema", "migrations", "checks"] {
        let moved = elsewhere.path().join("folder");
        fs::rename(at(folder), &moved).unwrap();
        symlink(&moved, at(folder)).unwrap();
        let ran = project.trueup(["status"], &database).case(folder).exit(2);
        ran.says([folder, "a symbolic link leads to", "outside of the project"]);
        fs::remove_file(at(folder)).unwrap();
        fs::rename(&moved, at(folder)).unwrap();
    }
    let named = elsewhere.path().join("migrations");
    fs::rename(at("migrations"), &named).unwrap();
    let settings = fs::read_to_string(at("trueup.toml")).unwrap();
    let settings = format!("{settings}\n[migrations]\ndir = {:?}\n", named.to_str().unwrap());
    fs::write(at("trueup.toml"), settings).unwrap();
    project.trueup(["status"], &database).exit(1).stdout_contains("V1__");
}

/// As a container platform mounts a directory: every file is a link to one in a directory beside it.
#[test]
fn a_mounted_project_whose_files_are_links_works() {
    let (project, database) = (project(), support::database());
    project.build(&database);
    let expected = project.trueup(["check"], &database).run();
    let mount = |folder: &Path| {
        let data = folder.join("..2026_01_01");
        fs::create_dir(&data).unwrap();
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::rename(entry.path(), data.join(entry.file_name())).unwrap();
                symlink(Path::new("..data").join(entry.file_name()), entry.path()).unwrap();
            }
        }
        symlink("..2026_01_01", folder.join("..data")).unwrap();
    };
    for folder in ["", "schema", "schema/seeds", "migrations", "checks"] {
        mount(&project.path().join(folder));
    }
    let link = tempfile::tempdir().unwrap();
    symlink(project.path(), link.path().join("project")).unwrap();
    for directory in [project.path(), &link.path().join("project")] {
        let ran = project.trueup(["check"], &database).env("TRUEUP_PROJECT", directory).run();
        assert_eq!((ran.code(), ran.stdout()), (expected.code(), expected.stdout()));
        project.trueup(["verify"], &database).env("TRUEUP_PROJECT", directory).exit_in(&[0, 1]);
    }
}

#[test]
fn f09_a_report_overwrites_no_file_of_the_project_and_follows_no_link() {
    let (project, database) = (project(), support::database());
    let at = |name: &str| project.path().join(name);
    fs::create_dir(at("backups")).unwrap();
    fs::create_dir(at("reports")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = elsewhere.path().join("theirs.json");
    fs::write(&theirs, "theirs").unwrap();
    symlink(&theirs, at("linked.json")).unwrap();
    symlink(elsewhere.path().join("nothing.json"), at("dangling.json")).unwrap();
    symlink(at("migrations"), at("same")).unwrap();
    let migration = kinds(&project)[3].0.clone();
    let name = Path::new(&migration).file_name().unwrap().to_str().unwrap();
    let files: Vec<(String, Vec<u8>)> =
        kinds(&project).into_iter().map(|(file, _)| (file.clone(), fs::read(at(&file)).unwrap())).collect();
    for output in [
        "json=trueup.toml",
        "json=trueup.lock",
        "json=./schema/../trueup.lock",
        &migration,
        &format!("json={migration}"),
        &format!("json=same/{name}"),
        "schema/new.json",
        "schema/seeds/report.md",
        "checks/new.sql",
        "backups/report.json",
        "linked.json",
        "dangling.json",
    ] {
        // Of a report, and of a failure.
        for args in [&["check"][..], &["check", "--env", "nowhere"]] {
            let call = project.trueup(args, &database).args(["--output", output]).case(output);
            call.current_dir(project.path()).exit(2);
        }
        let call = project.trueup(["check", "--output", output], &database).case(output);
        call.current_dir(project.path()).exit(2).says("next: name another file for the report");
    }
    for (file, kept) in files {
        assert_eq!(fs::read(at(&file)).unwrap(), kept, "{file}");
    }
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    for made in ["schema/new.json", "schema/seeds/report.md", "checks/new.sql", "backups/report.json"] {
        assert!(!at(made).exists(), "{made}");
    }
    assert!(!elsewhere.path().join("nothing.json").exists());

    // A place that everybody may write to is none of the system's own.
    let shared = tempfile::tempdir_in("/dev/shm").unwrap();
    symlink(&theirs, shared.path().join("report.json")).unwrap();
    let output = shared.path().join("report.json");
    let call = project.trueup(["check", "--output", output.to_str().unwrap()], &database);
    call.exit(2).says("a symbolic link to");
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");

    // Every other place is as before, and so are the names of open files and a pipe without a reader.
    for output in ["report.json", "reports/schema.json", "json=/dev/stderr"] {
        let call = project.trueup(["check", "--output", output], &database).case(output);
        call.current_dir(project.path()).exit_in(&[0, 1]);
    }
    assert!(fs::read_to_string(at("reports/schema.json")).unwrap().contains("\"format\": 1"));
    mkfifo(&at("pipe.json"), Mode::S_IRWXU).unwrap();
    let call = project.trueup(["check", "--output", "pipe.json"], &database).current_dir(project.path());
    call.start().ends_within(Duration::from_secs(20)).exit(3).says("could not be written");
}

#[test]
fn f09_reports_may_stand_beside_migrations_in_the_projects_directory_itself() {
    let (flat, database) = (tempfile::tempdir().unwrap(), support::database());
    fs::write(flat.path().join("trueup.toml"), "[migrations]\ndir = \".\"\n").unwrap();
    fs::write(flat.path().join("V1__a.sql"), "SELECT 1;").unwrap();
    let status = |output: &str| {
        let call = support::trueup(["status", "--output", output]).current_dir(flat.path()).case(output);
        call.env("DATABASE_URL", database.url())
    };
    status("report.json").exit(1);
    status("V1__a.sql").exit(2).says("next: name another file for the report");
    assert_eq!(fs::read_to_string(flat.path().join("V1__a.sql")).unwrap(), "SELECT 1;");
}
