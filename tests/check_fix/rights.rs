//! A role that may not do it is told before anything is written.

use super::{DRIFT, Site};

#[test]
fn a_role_that_does_not_own_the_table_is_told() {
    let site = Site::with(DRIFT);
    let owner = site.database.value("SELECT current_user");
    site.database.exec(
        "DO $$BEGIN CREATE ROLE fix_weak LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
         GRANT USAGE ON SCHEMA public TO fix_weak; GRANT SELECT ON ALL TABLES IN SCHEMA public TO fix_weak",
    );
    site.database.exec(&format!("GRANT CREATE ON DATABASE {} TO fix_weak", site.database.name()));
    let weak = site.database.url_as("fix_weak");
    let refused = site.fix_at(&weak).arg("--yes").exit(4);
    refused.says([
        "role fix_weak does not own public.by_hand",
        &owner,
        "statement: DROP INDEX public.by_hand",
        "nothing was changed",
    ]);
    assert!(!site.has_records());
    site.fix_at(&weak).arg("--dry-run").exit(1);
}

#[test]
fn a_role_that_may_not_create_in_the_schema_is_told() {
    let site = Site::with("DROP FUNCTION next(int)");
    site.database.exec(
        "DO $$BEGIN CREATE ROLE fix_guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
         REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT USAGE ON SCHEMA public TO fix_guest; GRANT SELECT ON ALL TABLES IN SCHEMA public TO fix_guest",
    );
    site.database.exec(&format!("GRANT CREATE ON DATABASE {} TO fix_guest", site.database.name()));
    let refused = site.fix_at(&site.database.url_as("fix_guest")).arg("--yes").exit(4);
    refused.says([
        "role fix_guest may not create anything in schema public",
        "GRANT CREATE ON SCHEMA public TO fix_guest",
    ]);
    assert!(!site.has_records());
}
