//! `'User' object has no attribute 'username'`: nothing was migrated since the baseline, and nobody kept a history.

use super::incident::Incident;

const USERS: &str = "SELECT id, email, username FROM users";

#[test]
fn user_object_has_no_attribute_username() {
    let incident = Incident::legacy("username", "users_without_username.sql");
    let database = &incident.database;
    // The head of the fixture says what its catalog is; in this incident no history tells.
    database.exec("DROP TABLE refinery_schema_history");

    incident.fails(database.url(), USERS, "column \"username\" does not exist");
    incident.types("trueup check", 1);
    incident.types("trueup upgrade --yes", 4);
    incident.types("trueup adopt --yes", 0);
    incident.types("trueup upgrade --yes", 0);
    assert_eq!(incident.works(database.url(), USERS).len(), 3);
    incident.types("trueup status", 1);
    incident.is_as_told();
}
