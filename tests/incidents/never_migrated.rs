//! `relation "users" does not exist`: the migrations never ran.

use super::incident::Incident;

const USERS: &str = "SELECT count(*) FROM users";

#[test]
fn relation_users_does_not_exist_because_nothing_ran() {
    let incident = Incident::legacy("never_migrated", "empty.sql");
    let database = &incident.database;

    incident.fails(database.url(), USERS, "relation \"users\" does not exist");
    let said = incident.types("trueup check", 1);
    assert!(said.contains("this database is empty"), "{said}");
    incident.types("trueup upgrade --contract --yes", 0);
    incident.types("trueup seed --yes", 0);
    // The extension is the hosting company's: it is told, and left out by name.
    incident.types("trueup check", 1);
    incident.types("trueup check --ignore pgcrypto", 0);
    incident.types("trueup verify", 0);
    assert_eq!(incident.works(database.url(), USERS), ["0"]);
    incident.is_as_told();
}
