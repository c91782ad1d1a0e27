//! `relation "users" does not exist`, in a container without psql: three databases, told apart.

use std::fs;

use serde_json::Value;

use super::{Story, original};
use crate::adopt::tools::{did_not_run, python};

#[test]
fn ecs_organizations_is_as_told() {
    let Some(python) = python() else { return did_not_run("SQLAlchemy") };
    let story = Story::of("ecs-organizations", "accounts").with_python(&python);
    story.is_as_told();
    assert_eq!(
        story.value("SELECT slug FROM organizations o JOIN users u ON u.organization_id = o.id"),
        "platform"
    );
}

/// The images have every file that they copy, and the task has every container and volume that it names.
#[test]
fn the_image_and_the_task_name_what_is_there() {
    let example = original("ecs-organizations");
    let dockerfile = fs::read_to_string(example.join("Dockerfile")).unwrap();
    let copied = dockerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
    for file in copied.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')) {
        // The program is built elsewhere.
        assert!(file == "trueup" || example.join(file).exists(), "{file}");
    }
    let task = fs::read_to_string(example.join("ecs/task-definition.json")).unwrap();
    let task: Value = serde_json::from_str(&task).unwrap();
    let names = |list: &Value| -> Vec<String> {
        let items = list.as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let containers = &task["containerDefinitions"];
    assert_eq!(names(containers), ["migrate", "app"]);
    assert_eq!(names(&task["volumes"]), ["backups"]);
    assert_eq!(containers[0]["mountPoints"][0]["sourceVolume"], "backups");
    assert_eq!(containers[1]["dependsOn"][0]["containerName"], "migrate");
    for container in containers.as_array().unwrap() {
        assert_eq!(names(&container["secrets"]), ["DATABASE_URL"]);
    }
    assert_eq!(task["cpu"].as_str().map(str::parse::<u32>), Some(Ok(512)), "Fargate wants a text");
}
