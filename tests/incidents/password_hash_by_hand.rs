//! The same error, where V3 is applied and somebody has put NOT NULL back by hand: no migration is to blame, and the check
//! says so.

use super::incident::{Incident, sql_shown};
use super::password_hash::{ERROR, SIGN_UP};

#[test]
fn null_value_in_password_hash_after_a_change_by_hand() {
    let incident = Incident::legacy("password_hash_by_hand", "password_hash_required.sql");
    let database = &incident.database;

    incident.fails(database.url(), SIGN_UP, ERROR);
    let said = incident.types("trueup check", 1);
    assert!(said.contains("drift: "), "{said}");
    incident.by_hand(&sql_shown(&said));
    assert_eq!(incident.works(database.url(), SIGN_UP), ["kurt@globex.test | NULL"]);
    let said = incident.types("trueup check", 1);
    assert!(!said.contains("drift"), "{said}");
    incident.types("trueup upgrade --yes", 0);
    incident.is_as_told();
}
