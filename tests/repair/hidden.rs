//! F30: rows that a role cannot see are never taken for none.

use super::*;

/// A shop whose keys have policies; a role of a name of its own that may do everything else.
struct Hidden {
    shop: Shop,
    role: &'static str,
}

impl Hidden {
    /// `rights` are granted to `{role}`.
    fn new(role: &'static str, rights: &str) -> Self {
        let hidden = Self { shop: Shop::of(20), role };
        let name = hidden.shop.database.name();
        hidden.shop.database.exec(&format!(
            "DO $$BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END$$;
             GRANT CREATE ON DATABASE {name} TO {role}; {}",
            rights.replace("{role}", role)
        ));
        hidden
    }

    fn trueup(&self, args: &[&str]) -> Program {
        self.shop.trueup_at(&self.shop.database.url_as(self.role), args)
    }

    /// Neither reading nor repairing says anything but that it cannot tell, and these words.
    #[track_caller]
    fn cannot_tell(&self, words: &[&str]) {
        for args in [&["verify"][..], &["verify", "--fix", "--yes"], &["verify", "--fix", "--dry-run"]] {
            self.trueup(args).exit(3).says(words).lacks(["OK:", "repaired"]);
        }
        let document = self.trueup(&["verify"]).document();
        assert_eq!(document["exit_code"], 3, "{document:#}");
        assert!(document["checks"][0]["rows"].is_null(), "{document:#}");
        assert!(document["checks"][0]["obstacles"][0]["kind"].is_string(), "{document:#}");
        assert_eq!(self.shop.orphans(), 20);
        assert_eq!(self.shop.plans(), "0");
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = self.shop.database.try_query(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.role));
    }
}

const POLICY: &str =
    "ALTER TABLE keys ENABLE ROW LEVEL SECURITY; CREATE POLICY own_keys ON keys USING (owner = 'u1');";
const ALL: &str = "GRANT ALL ON keys, users TO {role};";

#[test]
fn f30_a_policy_hides_rows() {
    let hidden = Hidden::new("f30_policy", &format!("{POLICY}{ALL}"));
    hidden.cannot_tell(&["row-level security of public.keys", "policies: own_keys", "BYPASSRLS"]);
    // A role that nothing is hidden from.
    hidden.shop.database.exec("ALTER ROLE f30_policy BYPASSRLS");
    hidden.trueup(&["verify"]).exit(1).says("20 rows");
}

#[test]
fn f30_no_policy_at_all_shows_no_row() {
    let hidden = Hidden::new("f30_none", &format!("ALTER TABLE keys ENABLE ROW LEVEL SECURITY; {ALL}"));
    hidden.cannot_tell(&["row-level security of public.keys shows this role no row"]);
}

#[test]
fn f30_force_hides_rows_from_the_owner_and_without_it_the_owner_repairs() {
    let owned = "ALTER TABLE keys OWNER TO {role}; ALTER TABLE users OWNER TO {role}; GRANT ALL ON SCHEMA public TO {role};";
    let hidden =
        Hidden::new("f30_owner", &format!("{POLICY}{owned} ALTER TABLE keys FORCE ROW LEVEL SECURITY;"));
    hidden.cannot_tell(&["row-level security of public.keys", "own_keys", "without FORCE"]);
    hidden.shop.database.exec("ALTER TABLE keys NO FORCE ROW LEVEL SECURITY");
    hidden.trueup(&["verify"]).exit(1).says("20 rows");
    hidden.trueup(&["verify", "--fix", "--yes"]).exit(0).says("repaired 20 rows; OK");
    hidden.shop.all_right();
    let run = hidden.shop.runs().remove(0);
    hidden.trueup(&["undo", &run, "--yes"]).exit(0).says("restored 20 rows");
    hidden.shop.as_before();
}

#[test]
fn f30_a_role_without_select() {
    let hidden = Hidden::new("f30_select", "GRANT SELECT ON keys TO {role};");
    hidden
        .cannot_tell(&["this role may not read public.users", "GRANT SELECT ON public.users TO f30_select"]);
    hidden.shop.database.exec("GRANT SELECT ON users TO f30_select");
    hidden.trueup(&["verify"]).exit(1).says("20 rows");
    // It sees everything and may write nothing: nothing is changed, and nothing is called done.
    hidden.trueup(&["verify", "--fix", "--yes"]).exit_in(&[4, 5]);
    assert_eq!(hidden.shop.orphans(), 20);
}

/// A right that nobody looks for is told as the server tells it, and the other checks are answered all the same.
#[test]
fn f30_a_right_to_run_a_function_or_to_read_a_column() {
    let hidden = Hidden::new(
        "f30_denied",
        "GRANT SELECT ON users TO {role}; GRANT ALL ON keys TO {role};
         CREATE FUNCTION fits(keys) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
         REVOKE EXECUTE ON FUNCTION fits(keys) FROM public;",
    );
    hidden.shop.checks(&[
        ("keys", &KEYS.replace("WHERE user_id IS NULL", "WHERE user_id IS NULL AND fits(keys)")),
        ("users", "-- title: Users have ids\n-- find:\nSELECT id FROM users WHERE id IS NULL;\n"),
    ]);
    hidden.cannot_tell(&[
        "this role lacks a right: permission denied for function fits",
        "grant f30_denied the right that the server names",
    ]);
    let document = hidden.trueup(&["verify"]).document();
    assert_eq!(document["checks"][1]["rows"], 0, "{document:#}");

    hidden.shop.database.exec(
        "GRANT EXECUTE ON FUNCTION fits(keys) TO f30_denied;
         REVOKE ALL ON keys FROM f30_denied; GRANT SELECT (id, owner), UPDATE ON keys TO f30_denied;",
    );
    hidden.cannot_tell(&["this role lacks a right: permission denied for table keys"]);
}

#[test]
fn f30_a_function_that_switches_row_security_on() {
    let hidden = Hidden::new(
        "f30_function",
        &format!(
            "{POLICY}{ALL} ALTER ROLE {{role}} BYPASSRLS;
             CREATE FUNCTION orphans() RETURNS SETOF keys LANGUAGE sql STABLE SET row_security = on
             AS 'SELECT * FROM keys WHERE user_id IS NULL'"
        ),
    );
    hidden.shop.checks(&[(
        "keys",
        &KEYS.replace("SELECT id, owner FROM keys WHERE user_id IS NULL", "SELECT id, owner FROM orphans()"),
    )]);
    hidden.cannot_tell(&[
        "the function public.orphans() sets row_security=on",
        "ALTER FUNCTION",
        "RESET row_security",
    ]);
    hidden.shop.database.exec("ALTER FUNCTION orphans() RESET row_security");
    hidden.trueup(&["verify"]).exit(1).says("20 rows");
}

/// A view's owner reads through it: the rows that are hidden from that one.
#[test]
fn f30_a_view_whose_table_has_policies() {
    let hidden = Hidden::new(
        "f30_view",
        &format!("{POLICY} CREATE VIEW key_list AS SELECT * FROM keys; ALTER TABLE keys FORCE ROW LEVEL SECURITY;
             CREATE ROLE f30_viewer; GRANT SELECT ON keys TO f30_viewer; ALTER VIEW key_list OWNER TO f30_viewer;
             GRANT SELECT ON key_list, keys, users TO {{role}};"),
    );
    hidden.shop.checks(&[(
        "keys",
        &KEYS.replace("SELECT id, owner FROM keys WHERE", "SELECT id, owner FROM key_list WHERE"),
    )]);
    hidden.cannot_tell(&["row-level security of public.keys"]);
    hidden.shop.database.exec("DROP OWNED BY f30_viewer CASCADE; DROP ROLE f30_viewer");
}
