//! `null value in column "password_hash" violates not-null constraint`: the code lets people in who have no password, and V3
//! is not applied.

use super::incident::Incident;

pub(crate) const SIGN_UP: &str =
    "INSERT INTO users (email, username) VALUES ('kurt@globex.test', 'kurt') RETURNING email, password_hash";
/// The server names the relation, too, since PostgreSQL 13.
pub(crate) const ERROR: &str =
    "null value in column \"password_hash\" of relation \"users\" violates not-null constraint";

#[test]
fn null_value_in_password_hash_while_v3_is_pending() {
    let incident = Incident::new("password_hash");
    let database = &incident.database;
    incident.record(2, true);

    incident.fails(database.url(), SIGN_UP, ERROR);
    let said = incident.types("trueup check", 1);
    assert!(said.contains("pending: V3__password_hash_nullable"), "{said}");
    incident.types("trueup upgrade --yes", 0);
    assert_eq!(incident.works(database.url(), SIGN_UP), ["kurt@globex.test | NULL"]);
    incident.is_as_told();
}
