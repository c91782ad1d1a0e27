//! `/readyz`: the same answers as `trueup ready`, whatever becomes of the database.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{OFTEN, Served, site};
use crate::support::cluster::Cluster;
use crate::support::proxy::{Proxy, Then, error};
use crate::support::{TestDatabase, wait_for};

/// Schema `trueup` as trueup makes it.
const OWN: &str = include_str!("../../src/writer/schema.sql");

fn document(served: &Served) -> Value {
    let answer = served.client().ask("GET", "/readyz", "Accept: application/json\r\n");
    assert_eq!(answer.headers["content-type"], "application/json");
    serde_json::from_str(&answer.body).unwrap()
}

fn without(database: &TestDatabase, versions: &str) {
    database.exec(&format!("DELETE FROM refinery_schema_history WHERE version IN ({versions})"));
}

#[test]
fn it_says_what_trueup_ready_says() {
    let (project, database) = site();
    database.exec("CREATE TABLE kept AS TABLE refinery_schema_history");
    let served = Served::start(&project, &database, OFTEN);
    let ready = || project.without_postgres(["ready"], &database).document();
    let compare = || {
        let (said, expected) = (document(&served), ready());
        for key in ["ready", "needed", "pending", "contract", "ahead", "modified", "unfinished"] {
            assert_eq!(said["last"][key], expected[key], "{key}");
        }
        assert_eq!(said["ready"], expected["ready"]);
    };
    let answer = served.wait_for_code(200);
    assert!(
        answer.body.starts_with("READY: all 7 migrations that trueup.lock needs are applied\nage: "),
        "{answer:?}"
    );
    compare();
    without(&database, "6, 7, 8");
    let answer = served.wait_for_code(503);
    assert!(
        answer.body.starts_with(
            "NOT READY: 2 of 7 migrations are not applied: V6__api_keys_user_id_index, V7__organizations_public_id\n\
             next: trueup upgrade\nage: "
        ),
        "{answer:?}"
    );
    compare();
    served.metrics().is("trueup_pending", &[("phase", "expand")], 2.0);
    served.metrics().is("trueup_pending", &[("phase", "contract")], 1.0);
    served.metrics().is("trueup_ready", &[], 0.0);
    // A contract migration is not needed, and a newer version hides nothing.
    database.exec("INSERT INTO refinery_schema_history SELECT * FROM kept WHERE version IN (6, 7)");
    database.exec("INSERT INTO refinery_schema_history VALUES (9, 'later', '2025-03-01T12:00:00Z', '1')");
    served.wait_for_code(200);
    compare();
    database.exec("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3");
    assert!(served.wait_for_code(503).body.contains("modified after apply: V3__password_hash_nullable"));
    compare();
    served.metrics().is("trueup_modified", &[], 1.0);
    // Each change was told once.
    let said = served.said();
    assert_eq!(said.matches("NOT READY: 2 of 7").count(), 1, "{said}");
    served.stop();
}

#[test]
fn a_database_that_is_not_there_yet_is_waited_for() {
    let (project, database) = site();
    let away = Arc::new(Mutex::new(true));
    let gone = Arc::clone(&away);
    let proxy = Proxy::start(&database, move |_, _| match *gone.lock().unwrap() {
        true => error("57P01", "terminating connection due to administrator command"),
        false => Then::Forward,
    });
    let served = Served::start(&project, &proxy.url(&database), OFTEN);
    assert_eq!(served.get("/livez").code, 200);
    let answer = served.wait_for_code(503);
    assert!(answer.body.starts_with("CANNOT TELL: "), "{answer:?}");
    wait_for("a first attempt", || document(&served)["error"]["code"] == "connection.lost");
    let said = document(&served);
    assert_eq!((&said["ready"], &said["age_seconds"]), (&Value::Null, &Value::Null), "{said}");
    served.metrics().is("trueup_ready", &[], None);
    served.metrics().is("trueup_probe_success", &[("probe", "readiness")], 0.0);
    served.metrics().is("trueup_last_success_timestamp_seconds", &[("probe", "readiness")], None);
    *away.lock().unwrap() = false;
    served.wait_for_code(200);
    // What is read seldom is read as soon as there is somebody to ask.
    served.wait_for_all();
    served.metrics().is("trueup_probe_success", &[("probe", "schema")], 1.0);
    // Away again: a failure is an answer, and nothing is known any more.
    *away.lock().unwrap() = true;
    assert!(served.wait_for_code(503).body.starts_with("CANNOT TELL: "));
    served.metrics().is("trueup_ready", &[], None);
    assert!(document(&served)["age_seconds"].as_f64().unwrap() > 0.0);
    served.stop();
}

#[test]
fn a_server_that_was_restarted_is_found_again() {
    let (project, database) = site();
    let cluster = Cluster::start(&[]);
    cluster.load("shop", database.url());
    let url = cluster.url("postgres@127.0.0.1", "shop");
    let served = Served::start(&project, &url, OFTEN);
    served.wait_for_all();
    served.wait_for_code(200);
    cluster.crash();
    wait_for("a new connection", || {
        let answer = served.get("/readyz");
        let sessions =
            "select 1 / count(*) from pg_stat_activity where application_name like 'trueup/% serve'";
        answer.code == 200
            && cluster.try_psql(sessions)
            && document(&served)["age_seconds"].as_f64() < Some(1.0)
    });
    served.stop();
}

#[test]
fn a_lost_connection_is_made_again_before_anybody_notices() {
    let (project, database) = site();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_code(200);
    for _ in 0..5 {
        let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
            WHERE application_name LIKE 'trueup/% serve' AND datname = current_database()";
        database.exec(ended);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(served.get("/readyz").code, 200);
    }
    assert!(!served.said().contains("CANNOT TELL"), "{}", served.said());
    served.stop();
}

#[test]
fn another_database_and_a_hidden_history_are_no_answer() {
    let (project, database) = site();
    let role = format!("blind_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    let served = Served::start(&project, &database.url_as(&role), OFTEN);
    let answer = served.wait_for_code(503);
    wait_for("a first attempt", || !served.get("/readyz").body.contains("not answered yet"));
    assert!(
        served.get("/readyz").body.contains("refinery_schema_history cannot be read by blind_"),
        "{answer:?}"
    );
    served.metrics().is("trueup_ready", &[], None);
    served.stop();
    database.exec(&format!("DROP ROLE {role}"));
    database.exec(OWN);
    database.exec(
        "INSERT INTO trueup.mark (layout, project, environment, run) VALUES (1, 'shop', 'staging', 'x')",
    );
    let served = Served::start(&project, &database, OFTEN);
    wait_for("a first attempt", || served.get("/readyz").body.contains("marked as project \"shop\"'s"));
    // Nothing is read of a database that is another one.
    std::thread::sleep(std::time::Duration::from_millis(600));
    served.metrics().is("trueup_probe_success", &[("probe", "schema")], None);
    served.metrics().is("trueup_probe_success", &[("probe", "data")], None);
    served.stop();
}

/// An image has as much of the project as somebody copied into it.
#[test]
fn an_image_without_schema_and_checks_is_served() {
    let (project, database) = site();
    for folder in ["schema", "migrations", "checks"] {
        fs::remove_dir_all(project.path().join(folder)).unwrap();
    }
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_code(200);
    wait_for("the schema", || {
        served.metrics().value("trueup_drift_findings", &[("severity", "error")]).is_some()
    });
    served.metrics().is("trueup_drift_findings", &[("severity", "error")], 0.0);
    served.metrics().is("trueup_probe_success", &[("probe", "data")], None);
    // Whether one was modified is not known.
    served.metrics().is("trueup_modified", &[], None);
    assert!(served.get("/").body.contains("this project has no data checks"));
    served.stop();
}
