//! `relation "users" does not exist`: `DATABASE_URL` names the database of another application. Nothing may be done there.

use std::fs;

use super::incident::Incident;
use crate::support;

const USERS: &str = "SELECT count(*) FROM users";

#[test]
fn relation_users_does_not_exist_because_of_the_url() {
    let incident = Incident::new("other_database");
    incident.record(8, true);
    let billing = support::database();
    incident.call(billing.name(), "BILLING");
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wrong_database.sql");
    billing.exec(&fs::read_to_string(fixture).unwrap());
    incident.settings(&format!(
        "[environments.production]\nexpect = {{ database = \"{}\" }}\n",
        incident.database.name()
    ));
    let tables = "SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid) FROM pg_class c \
                  WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, \
                  'pg_toast'::regnamespace)";
    let before = billing.value(tables);

    incident.fails(billing.url(), USERS, "relation \"users\" does not exist");
    let said = incident.types_at(billing.url(), "trueup check", 1);
    // The words go on in the next line of their cell.
    let words = said.split(|between: char| between.is_whitespace() || "│┆".contains(between));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    assert!(words.join(" ").contains("none of the declared"), "{said}");
    incident.types_at(billing.url(), "trueup upgrade --yes", 4);
    incident.types_at(billing.url(), "trueup check --env production", 4);
    incident.types_at(billing.url(), "trueup upgrade --env production --yes", 4);
    incident.types_at(billing.url(), "trueup seed --env production --yes", 4);
    assert_eq!(billing.value(tables), before, "nothing was made there");

    // With the right URL.
    incident.types("trueup upgrade --env production --yes", 0);
    assert_eq!(incident.works(incident.database.url(), USERS), ["0"]);
    incident.is_as_told();
}
