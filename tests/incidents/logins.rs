//! Every login fails: it looks two organizations up that nobody has ever inserted.

use super::incident::Incident;

const LOGIN: &str = "SELECT slug FROM organizations WHERE public_id IN \
    ('5d0c5f0e-8d1b-4b4f-9f0a-3f3f6c1d2a10', 'b7e3a1c4-52d9-4f57-8c1e-0a9d6e4f7b22') AND deleted_at IS NULL ORDER BY slug";

#[test]
fn logins_fail_without_their_organizations() {
    let incident = Incident::new("logins");
    let database = &incident.database;
    incident.record(8, true);
    database.exec("INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme Ltd')");

    assert!(incident.works(database.url(), LOGIN).is_empty());
    let said = incident.types("trueup check", 1);
    assert!(said.contains("trueup seed"), "{said}");
    let said = incident.types("trueup upgrade --yes", 0);
    assert!(said.contains("2 seeds are missing or different: trueup seed"), "{said}");
    incident.types("trueup seed --check", 1);
    incident.types("trueup seed --yes", 0);
    assert_eq!(incident.works(database.url(), LOGIN), ["platform", "support"]);
    incident.types("trueup seed --yes", 0);
    incident.types("trueup check", 0);
    incident.is_as_told();
}
