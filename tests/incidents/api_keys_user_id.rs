//! `column api_keys.user_id does not exist`: the code is deployed, V4 and what follows are not. Afterwards the keys from
//! before belong to nobody: they are repaired, taken back, repaired again, and what only a person can decide is decided by
//! hand, before the column is made required.

use super::incident::{Incident, identifier_after};

/// As the ORM writes it, and as a person does.
const ORM: &str = "SELECT api_keys.id, users.email FROM api_keys JOIN users ON users.id = api_keys.user_id ORDER BY api_keys.id";
const KEYS: &str = "SELECT k.id, u.email FROM api_keys k JOIN users u ON u.id = k.user_id ORDER BY k.id";

/// What no fix can know: an organization with two owners, and one with nobody in it.
const MORE: &str = "
    INSERT INTO organizations (slug, name) VALUES ('hooli', 'Hooli'), ('umbrella', 'Umbrella');
    INSERT INTO users (email, password_hash) VALUES ('barbara@hooli.test', '$argon2id$4'), ('alan@hooli.test', '$argon2id$5');
    INSERT INTO memberships (organization_id, user_id, role)
        SELECT o.id, u.id, 'owner' FROM organizations o, users u WHERE o.slug = 'hooli' AND u.email LIKE '%@hooli.test';
    INSERT INTO api_keys (organization_id, name, prefix, key_digest)
        SELECT id, 'sync', left('ak_' || slug, 8), sha256(slug::bytea) FROM organizations WHERE slug IN ('hooli', 'umbrella')
        ORDER BY slug;
    UPDATE api_keys SET created_at = '2024-12-01 08:00:00+00'";

/// Every row as the server sends it in binary.
const IMAGE: &str = "SELECT string_agg(encode(record_send(k), 'hex'), ' ' ORDER BY id) FROM api_keys k";

#[test]
fn column_api_keys_user_id_does_not_exist() {
    let incident = Incident::legacy("api_keys_user_id", "api_keys_without_user_id.sql");
    let database = &incident.database;
    database.exec(MORE);
    let keys: usize = database.value("SELECT count(*) FROM api_keys").parse().unwrap();
    assert_eq!(keys, 6);

    incident.fails(database.url(), ORM, "column api_keys.user_id does not exist");
    incident.types("trueup check", 1);
    incident.types("trueup upgrade --yes", 0);

    // No error any more, and not one key either.
    assert!(incident.works(database.url(), KEYS).is_empty());
    incident.types("trueup upgrade --contract --yes", 1);
    // As at a terminal, where five rows are shown.
    incident.types("trueup verify --sample 5", 1);
    incident.types("trueup verify --fix --dry-run", 1);
    let before = database.value(IMAGE);

    let said = incident.types("trueup verify --fix --yes", 1);
    assert_ne!(database.value(IMAGE), before);
    let run = identifier_after(&said, "trueup undo ");
    incident.call(&run, "RUN");
    incident.types(&format!("trueup undo {run} --dry-run"), 0);
    incident.types(&format!("trueup undo {run} --yes"), 0);
    assert_eq!(database.value(IMAGE), before, "every row as it was, byte for byte");
    incident.types(&format!("trueup undo {run} --yes"), 0);
    assert_eq!(database.value(IMAGE), before);

    incident.types("trueup verify --fix --yes", 1);
    incident.types("trueup upgrade --contract --yes", 1);
    incident.by_hand(
        "UPDATE api_keys SET user_id = (SELECT id FROM users WHERE email = 'barbara@hooli.test') WHERE user_id IS NULL",
    );
    incident.types("trueup upgrade --contract --yes", 0);
    incident.types("trueup seed --yes", 0);
    incident.types("trueup check", 0);
    incident.types("trueup verify api_keys_have_a_user", 0);

    // The key of the deleted organization is gone; each of the others has its user.
    let found = incident.works(database.url(), KEYS);
    assert_eq!(found.len(), keys - 1);
    assert_eq!(found.len().to_string(), database.value("SELECT count(*) FROM api_keys"), "every key");
    assert_eq!(incident.works(database.url(), ORM).len(), found.len());
    incident.is_as_told();
}
