//! What `trueup.lock` says that statements do, held against a file, and against `pg_locks` of a real server.

use std::collections::BTreeMap;

use trueup::postgres::lock_mode::LockMode;

use crate::footprints::{self, INSIDE};
use crate::plan::locks::Fixture;
use crate::support;

#[test]
fn what_each_statement_does_is_what_the_file_and_the_server_say() {
    let server = support::server();
    let measured = footprints::measured(&server);
    footprints::are_as_expected(&server, &measured);
    let fixture = Fixture::new();
    let mut wrong = Vec::new();
    let inside = measured.iter().filter(|(sql, _)| INSIDE.contains(sql));
    for (sql, footprints) in inside {
        let is_relation = |name: &str| fixture.relations.values().any(|relation| relation == name);
        let locks = footprints.iter().flat_map(|footprint| &footprint.locks);
        let locks = locks.filter(|(relation, _)| is_relation(relation));
        let measured: BTreeMap<String, LockMode> =
            locks.map(|(relation, mode)| (relation.to_string(), *mode)).collect();
        let mut taken = fixture.taken(sql).unwrap();
        taken.retain(|_, mode| *mode > LockMode::AccessShare);
        // A statement that brings its rows along is not looked at.
        if measured != taken && !sql.starts_with("INSERT INTO base VALUES") {
            wrong.push(format!("{sql}\n    measured {measured:?}\n    taken    {taken:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), INSIDE.len(), wrong.join("\n"));
}
