//! F22: taking a repair back after somebody edited rows, twice, in part; and removing what could be taken back.

use trueup::writer::ADVISORY_LOCK;

use super::*;

/// Repaired keys, and the run that did it.
fn repaired(keys: usize) -> (Shop, String) {
    let shop = Shop::of(keys);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    (shop, run)
}

const UNTOUCHED: &str =
    "SELECT count(*) FROM trueup.repairs WHERE state = 'done' AND restored = 0 AND undone = 0";

#[test]
fn f22_later_edits_are_kept_and_listed() {
    let (shop, run) = repaired(30);
    shop.database.exec(
        "UPDATE keys SET user_id = 9 WHERE id = 5; UPDATE keys SET user_id = NULL WHERE id = 6; DELETE FROM keys WHERE id = 7;
         UPDATE keys SET note = 'mine' WHERE id = 8",
    );
    let document = shop.document(&["undo", &run, "--dry-run"], 1);
    let repair = &document["repairs"][0];
    assert_eq!(
        (&document["stage"], &repair["restored"], &repair["kept"]),
        (&"planned".into(), &27.into(), &3.into())
    );
    assert_eq!(repair["kept_rows"].to_string(), r#"[["5"],["6"],["7"]]"#);
    assert_eq!(shop.orphans(), 1, "nothing was changed");
    assert_eq!(shop.database.value(UNTOUCHED), "1");
    shop.undo(&run)
        .exit(1)
        .says([
            "done: restored 27 rows; skipped, edited since the repair: 3 rows",
            "skipped, edited since the repair:",
        ])
        .says(["│ 5 ", "│ 6 ", "│ 7 "]);
    // What the repair did not set is nobody's business: an edit of it stays, and its row is given back.
    let rows = shop
        .database
        .query("SELECT concat_ws(' ', id, user_id, note) FROM keys WHERE id BETWEEN 4 AND 8 ORDER BY id");
    let rows: Vec<String> = rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
    assert_eq!(rows, ["4 n4", "5 9 n5", "6 n6", "8 mine"]);
    assert_eq!(shop.differing("keys"), "3");
}

/// A contract migration after the repair: the old values are no longer taken, which is said before anything happens.
#[test]
fn f22_a_column_that_is_required_since_is_told_before_the_start() {
    let (shop, run) = repaired(30);
    shop.database
        .exec("UPDATE keys SET user_id = 9 WHERE id = 5; ALTER TABLE keys ALTER user_id SET NOT NULL");
    let why = "column user_id of public.keys is NOT NULL now, and would get NULL back in 29 rows; nothing was changed";
    for how in ["--dry-run", "--yes"] {
        shop.trueup(["undo", &run, how]).exit(4).says([why, "ALTER COLUMN user_id DROP NOT NULL"]);
    }
    assert_eq!(shop.database.value(UNTOUCHED), "1");
    shop.database.exec("ALTER TABLE keys ALTER user_id DROP NOT NULL");
    shop.undo(&run).exit(1).says("done: restored 29 rows");
}

#[test]
fn f22_taking_it_back_twice_changes_nothing() {
    let (shop, run) = repaired(30);
    let first = shop.document(&["undo", &run, "--yes"], 0);
    shop.as_before();
    let versions = "SELECT md5(string_agg(concat(ctid, xmin, k), ',' ORDER BY ctid)) FROM keys AS k";
    let before = shop.database.value(versions);
    let by = format!("undone by run {}", &first["run"].as_str().unwrap()[..10]);
    let runs = shop.database.value("SELECT count(*) FROM trueup.runs");
    shop.undo(&run).exit(0).says(&by).says(["nothing to do", "is undone already"]);
    shop.trueup(["undo", &run, "--dry-run"]).exit(0).says(&by).says("nothing to do");
    assert_eq!(shop.database.value(versions), before);
    assert_eq!(shop.database.value("SELECT count(*) FROM trueup.runs"), runs);
    // And the rows can be repaired, and taken back, again.
    shop.fix().exit(0).says("repaired 30 rows; OK");
    shop.undo(&shop.runs()[0]).exit(0).says("restored 30 rows");
    shop.as_before();
}

/// Two at once: each row is given back once.
#[test]
fn f22_two_at_once_take_it_back_once() {
    let (shop, run) = repaired(1600);
    let children = [shop.undo(&run).start(), shop.undo(&run).start()];
    for child in children {
        child.ended().exit(0);
    }
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "1600 0");
    shop.as_before();
}

/// Rows that somebody holds locked are not given back, said so, and given back by the same command later.
#[test]
fn f22_a_locked_row_is_given_back_later() {
    let (shop, run) = repaired(30);
    shop.database.exec("UPDATE keys SET user_id = 9 WHERE id = 5");
    let mut app = Other::at(shop.database.url(), "billing");
    let locked = format!("locked by pid {}", app.pid());
    app.run("BEGIN; SELECT FROM keys WHERE id = 7 FOR UPDATE");
    let counts = "skipped, edited since the repair: 1 row; locked or held back, not restored: 1 row";
    let again = format!("trueup undo {}\n", &run[..10]);
    shop.undo(&run).exit(1).says(format!("restored 28 rows; {counts}")).says(&locked).says(&again);
    assert_eq!(
        shop.database
            .value("SELECT string_agg(id::text, ',' ORDER BY id) FROM keys WHERE user_id IS NOT NULL"),
        "0,5,7"
    );
    shop.undo(&run).exit(1).says(format!("restored 0 rows; {counts}")).says(&locked);
    let status = shop.document(&["status", "--runs"], 0).to_string();
    assert!(status.contains(r#""undoable":1"#), "{status}");
    drop(app);
    let document = shop.document(&["undo", &run, "--dry-run"], 1);
    let repair = &document["repairs"][0];
    assert_eq!((&repair["restored"], &repair["kept"], &repair["held"]), (&1.into(), &1.into(), &0.into()));
    shop.undo(&run).exit(1).says("restored 1 row; skipped, edited since the repair: 1 row");
    assert_eq!(shop.differing("keys"), "1");
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "29 1");
}

/// Nothing of the table can be changed for a while, by nobody: all of it is given back later.
#[test]
fn f22_a_table_that_is_locked_is_given_back_later() {
    let (shop, run) = repaired(1600);
    let mut app = Other::at(shop.database.url(), "index builder");
    app.run("BEGIN; LOCK TABLE keys IN SHARE MODE");
    shop.undo(&run).exit(1).says("restored 0 rows; locked or held back, not restored: 1600 rows");
    drop(app);
    shop.undo(&run).exit(0).says("restored 1600 rows");
    shop.as_before();
}

/// Rows that were edited are none that can be given back; one that is as the repair left it again, is.
#[test]
fn f22_a_kept_row_is_tried_again() {
    let (shop, run) = repaired(30);
    shop.database.exec("UPDATE keys SET user_id = 9 WHERE id IN (5, 6)");
    shop.undo(&run).exit(1).says("restored 28 rows; skipped, edited since the repair: 2 rows");
    let runs = shop.database.value("SELECT count(*) FROM trueup.runs");
    for how in ["--yes", "--dry-run"] {
        shop.trueup(["undo", &run, how])
            .exit(1)
            .says(["nothing to do", "skipped, edited since the repair: 2 rows"]);
    }
    assert_eq!(shop.database.value("SELECT count(*) FROM trueup.runs"), runs);
    shop.database.exec("UPDATE keys SET user_id = 5 WHERE id = 5");
    shop.undo(&run).exit(1).says("restored 1 row; skipped, edited since the repair: 1 row");
    shop.database.exec("UPDATE keys SET user_id = 6 WHERE id = 6");
    shop.undo(&run).exit(0).says("restored 1 row");
    shop.as_before();
    shop.undo(&run).exit(0).says(["nothing to do", "is undone already"]);
}

const HOLDS_BACK: &str =
    "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;";

#[test]
fn f22_a_row_that_a_trigger_holds_back_is_given_back_without_it() {
    let (shop, run) = repaired(30);
    shop.database.exec(HOLDS_BACK);
    shop.database.exec(
        "CREATE TRIGGER nothing BEFORE UPDATE ON keys FOR EACH ROW WHEN (OLD.id < 3) EXECUTE FUNCTION nothing()",
    );
    shop.undo(&run)
        .exit(1)
        .says(["restored 28 rows; locked or held back, not restored: 2 rows", "or held back by a trigger"]);
    shop.database.exec("DROP TRIGGER nothing ON keys");
    shop.undo(&run).exit(0).says("restored 2 rows");
    shop.as_before();
}

/// A trigger that puts the repaired value in the place of the old one, whenever that is written.
#[test]
fn f22_a_row_that_a_trigger_rewrites_is_not_told_to_be_back() {
    let check = "-- title: t\n-- table: public.logins\n-- key: id\n-- find:\n\
        SELECT id FROM logins WHERE email <> trim(email);\n-- fix: trim\n\
        SELECT id, trim(email) AS email FROM logins WHERE email <> trim(email);\n";
    let schema = "CREATE TABLE logins (id int PRIMARY KEY, email text);
        INSERT INTO logins VALUES (1, 'Foo@X '), (2, 'bar@x '), (3, 'baz@x');
        CREATE FUNCTION trimmed() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.email := lower(trim(NEW.email)); RETURN NEW; END$$;
        CREATE TRIGGER trimmed BEFORE UPDATE ON logins FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION trimmed()";
    let shop = Shop::with(schema, &[("logins", check)]);
    shop.keep("logins");
    shop.fix().exit(0).says("repaired 2 rows");
    let run = shop.runs().remove(0);
    shop.undo(&run).exit(1).says([
        "restored 1 row; given other values by a trigger: 1 row",
        "their old ones by a trigger:",
        "│ 1 ",
    ]);
    assert_eq!(shop.differing("logins"), "1");
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "1 1");
    shop.undo(&run).exit(1).says("restored 0 rows; given other values by a trigger: 1 row");
    shop.database.exec("DROP TRIGGER trimmed ON logins");
    shop.undo(&run).exit(0).says("restored 1 row");
    assert_eq!(shop.differing("logins"), "0");
}

/// The same of rows that were deleted, and of one that the trigger leaves out.
#[test]
fn f22_a_deleted_row_that_a_trigger_rewrites_or_leaves_out() {
    let check = "-- title: t\n-- table: public.items\n-- key: id\n-- find:\nSELECT id FROM items WHERE bad;\n\
        -- fix: remove\n-- action: delete\nSELECT id FROM items WHERE bad;\n";
    let schema = "CREATE TABLE items (id int PRIMARY KEY, bad boolean, v text, code text UNIQUE);
        INSERT INTO items SELECT n, true, 'v' || n, 'c' || n FROM generate_series(1, 6) AS n;";
    let shop = Shop::with(schema, &[("items", check)]);
    shop.keep("items");
    shop.fix().exit(0).says("deleted 6 rows");
    let run = shop.runs().remove(0);
    shop.database.exec(
        "INSERT INTO items VALUES (100, false, 'theirs', 'c6');
         CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             IF NEW.id = 2 THEN RETURN NULL; END IF;
             IF NEW.id = 3 THEN NEW.v := 'TRIG'; END IF;
             RETURN NEW; END$$;
         CREATE TRIGGER rewrite BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION rewrite()",
    );
    let rest = "given other values by a trigger: 1 row";
    let held = "skipped, edited since the repair: 1 row; locked or held back, not restored: 1 row";
    shop.undo(&run).exit(1).says(format!("restored 3 rows; {held}; {rest}")).says("held back by a trigger");
    shop.database.exec("DROP TRIGGER rewrite ON items");
    shop.undo(&run).exit(1).says(format!("restored 1 row; skipped, edited since the repair: 1 row; {rest}"));
    assert_eq!(shop.differing("items"), "3", "the rewritten one, the missing one, and theirs");
    shop.undo(&run).exit(1).says(["nothing to do", rest]);
}

/// A trigger that gives rows keys of its own: they are not inserted a second time.
#[test]
fn f22_a_deleted_row_that_comes_back_under_another_key_comes_once() {
    let check = "-- title: t\n-- table: public.items\n-- key: id\n-- find:\nSELECT id FROM items WHERE bad;\n\
        -- fix: remove\n-- action: delete\nSELECT id FROM items WHERE bad;\n";
    let schema = "CREATE TABLE items (id int PRIMARY KEY, bad boolean);
        INSERT INTO items SELECT n, true FROM generate_series(1, 6) AS n;";
    let shop = Shop::with(schema, &[("items", check)]);
    shop.fix().exit(0).says("deleted 6 rows");
    let run = shop.runs().remove(0);
    shop.database.exec(
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id + 100; RETURN NEW; END$$;
         CREATE TRIGGER other BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION other()",
    );
    shop.undo(&run).exit(1).says("restored 0 rows; given other values by a trigger: 6 rows");
    shop.undo(&run).exit(1).says(["nothing to do", "given other values by a trigger: 6 rows"]);
    assert_eq!(shop.database.value("SELECT count(*) FROM items"), "6");
}

#[test]
fn an_unknown_run_is_refused_and_a_prefix_is_enough() {
    let (shop, run) = repaired(5);
    shop.undo("01ZZZZ")
        .exit(4)
        .says(["run 01ZZZZ repaired nothing in this database", "trueup status --runs"]);
    shop.trueup(["undo", "%", "--yes"]).exit(4).says("repaired nothing");
    // F64: what an empty variable of a shell gives means no run, though there is only one.
    for empty in ["", " "] {
        shop.trueup(["undo", empty, "--yes"]).exit(2).says("the identifier of the run is empty");
    }
    for short in ["0", &run[..5]] {
        shop.trueup(["undo", short, "--yes"]).exit(4).says(&run).says("too short");
    }
    assert_eq!(shop.database.value("SELECT count(*) FROM keys WHERE user_id IS NULL"), "0");
    shop.database.exec("INSERT INTO keys VALUES (100, 'u1')");
    shop.fix().exit(0);
    let second = shop.runs().remove(0);
    // Both begin with the century.
    shop.undo(&run[..2])
        .exit(4)
        .says(&run)
        .says(&second)
        .says(["too short for the identifier of a run", "at least 6 characters"]);
    let differ = run.bytes().zip(second.bytes()).take_while(|(one, other)| one == other).count() + 1;
    let long_enough = differ.max(6);
    shop.undo(&second[..long_enough].to_lowercase()).exit(0).says("restored 1 row");
    shop.undo(&run[..long_enough]).exit(0).says("restored 5 rows");
    let empty = Shop::with("CREATE TABLE t (id int)", &[]);
    empty.undo(&run).exit(4).says("repaired nothing in this database");
    assert_eq!(empty.database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}

#[test]
fn a_table_that_was_made_anew_or_changed_is_refused() {
    for (change, words) in [
        (
            "DROP TABLE keys; CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint)",
            "public.keys was dropped, created again or renamed",
        ),
        ("ALTER TABLE keys RENAME TO old_keys", "public.keys was dropped, created again or renamed"),
        ("ALTER TABLE keys DROP COLUMN user_id", "columns of public.keys are gone"),
        ("ALTER TABLE keys DROP COLUMN id", "columns of public.keys are gone or renamed: id"),
        (
            "ALTER TABLE keys RENAME user_id TO owner_id",
            "columns of public.keys are gone or renamed: user_id",
        ),
        (
            "ALTER TABLE keys DROP CONSTRAINT keys_user_id_fkey, ALTER user_id TYPE text",
            "column user_id of public.keys is of another type now, text",
        ),
    ] {
        let (shop, run) = repaired(5);
        shop.database.exec(change);
        for args in [&["undo", &run, "--yes"][..], &["undo", &run, "--dry-run"]] {
            shop.trueup(args).exit(4).says([
                words,
                "nothing was changed",
                "its old values are in trueup.repair_",
            ]);
        }
        assert_eq!(shop.database.value(UNTOUCHED), "1");
    }
    // A column more, or another type that the old values fit, is no reason.
    let (shop, run) = repaired(5);
    shop.database.exec("ALTER TABLE keys ADD COLUMN more text DEFAULT 'x'");
    shop.undo(&run).exit(0).says("restored 5 rows");
    assert_eq!(shop.orphans(), 5);
}

#[test]
fn pruned_before_images_cannot_be_taken_back() {
    let (shop, run) = repaired(5);
    shop.trueup(["undo", "--prune", "30d", "--yes"])
        .exit(0)
        .says("nothing to do: no old values are that old");
    shop.trueup(["undo", "--prune", "0s", "--dry-run"])
        .exit(0)
        .says(format!("run {}\n", &run[..10]))
        .says("nothing was changed");
    assert_eq!(shop.plans(), "1");
    shop.trueup(["undo", "--prune", "0s"]).exit(4).says("not confirmed");
    assert_eq!(shop.plans(), "1");
    shop.trueup(["undo", "--prune", "0s", "--yes"]).exit(0).says("removed the old values of 1 run");
    assert_eq!(shop.plans(), "0");
    assert_eq!(shop.orphans(), 0, "the rows stay repaired");
    // It was not taken back, and must not be said to be.
    for args in [&["undo", &run, "--yes"][..], &["undo", &run, "--dry-run"]] {
        shop.trueup(args).exit(4).says(["old values were removed", "removed"]).lacks("undone already");
    }
    // One that was taken back before stays so.
    shop.database.exec("UPDATE keys SET user_id = NULL WHERE id = 1");
    shop.fix().exit(0).says("repaired 1 row");
    let second = shop.runs().remove(0);
    shop.undo(&second).exit(0);
    shop.trueup(["undo", "--prune", "0s", "--yes"]).exit(0).says("removed the old values of 1 run");
    shop.undo(&second).exit(0).says("undone already");
}

/// A restored table has another oid, which the records follow.
#[test]
fn a_repair_is_undone_in_the_database_that_was_restored_in_the_place_of_its_own() {
    let shop = Shop::of(20);
    shop.fix().exit(0);
    let run = shop.runs()[0].clone();
    shop.trueup(["backup"]).exit(0);
    let url = shop.database.url().to_owned();
    shop.trueup(["restore", "latest", "--into", &url, "--replace", "--yes"]).exit(0);
    let row = shop.document(&["status", "--runs"], 0)["runs"].as_array().unwrap().clone();
    let of_run = row.iter().find(|row| row["id"] == run.as_str()).unwrap();
    assert_eq!(of_run["undoable"], 20, "{row:#?}");
    shop.undo(&run).exit(0);
    shop.as_before();
}

/// What cannot be undone is not offered.
#[test]
fn status_offers_no_undo_of_a_table_that_was_created_again() {
    let shop = Shop::of(20);
    shop.fix().exit(0);
    let run = shop.runs()[0].clone();
    let undoable = || shop.document(&["status", "--runs"], 0)["runs"][0]["undoable"].clone();
    assert_eq!(undoable(), 20);
    shop.database.exec(
        "CREATE TABLE public.again (LIKE public.keys INCLUDING ALL);
        DROP TABLE public.keys; ALTER TABLE public.again RENAME TO keys",
    );
    assert_eq!(undoable(), Value::Null);
    shop.undo(&run).exit(4).says("dropped, created again or renamed");
}

/// One that was renamed, neither, also where its name is a part of the other one.
#[test]
fn status_offers_no_undo_of_a_table_that_was_renamed_or_moved() {
    let shop = Shop::of(20);
    shop.fix().exit(0);
    let run = shop.runs()[0].clone();
    let undoable = || shop.document(&["status", "--runs"], 0)["runs"][0]["undoable"].clone();
    for (there, back) in [
        ("TABLE keys RENAME TO key", "TABLE key RENAME TO keys"),
        ("SCHEMA public RENAME TO pub", "SCHEMA pub RENAME TO public"),
    ] {
        shop.database.exec(&format!("ALTER {there}"));
        assert_eq!(undoable(), Value::Null, "{there}");
        shop.database.exec(&format!("ALTER {back}"));
        assert_eq!(undoable(), 20, "{back}");
    }
    shop.undo(&run).exit(0);
    shop.as_before();
}

/// Both have read what is to be undone before either has the lock.
#[test]
fn f22_of_two_undos_at_once_one_is_told_that_it_is_done() {
    let (shop, run) = repaired(5);
    let runtime = support::runtime();
    let mut holder = runtime.block_on(shop.database.connect());
    runtime.block_on(holder.execute(format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))).unwrap();
    let both = [shop.undo(&run).start(), shop.undo(&run).start()];
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'trueup/% undo'
        AND query LIKE '%pg_try_advisory_lock(%' AND state = 'idle'";
    support::wait_for("both", || shop.database.value(waiting) == "2");
    runtime.block_on(holder.execute("SELECT pg_advisory_unlock_all()")).unwrap();
    let said: Vec<String> = both.map(|undo| undo.ended().exit(0).lacks("skipped, edited").said()).into();
    assert_eq!(said.iter().filter(|said| said.contains("done: restored 5 rows")).count(), 1, "{said:?}");
    let told =
        said.iter().filter(|said| said.contains("nothing to do: run") && said.contains("undone by run"));
    assert_eq!(told.count(), 1, "{said:?}");
    runtime.block_on(holder.close());
    assert_eq!(shop.orphans(), 5);
}

/// The second of two undos waits for the first, and tells what that has done.
#[test]
fn two_undos_at_once_are_told_as_they_are() {
    let shop = Shop::of(1600);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    let first = shop.undo(&run).args(["--max-rate", "400"]).start();
    wait_for("the first batch", || shop.orphans() > 0);
    // What it has restored so far was not edited by anybody.
    shop.trueup(["undo", &run, "--dry-run"]).exit(0).lacks("edited since the repair");
    let second = shop.undo(&run).start();
    first.ended().exit(0).says("restored 1600 rows");
    let by = shop.database.value("SELECT DISTINCT undone_by FROM trueup.repairs");
    second
        .ended()
        .exit(0)
        .says(["nothing to do", "is undone already", &format!("undone by run {}", &by[..10])])
        .lacks("edited since the repair");
    assert_eq!(shop.database.value("SELECT count(*) FROM trueup.runs WHERE command = 'undo'"), "1");
    shop.as_before();
}

#[test]
fn what_an_undo_would_do_is_shown_through_a_pooler() {
    use crate::support::pgbouncer::{self, PgBouncer};
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let shop = Shop::of(20);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    let pooler = PgBouncer::start(&shop.database, "undo_pooled", 1);
    shop.trueup_at(&pooler.url(), &["undo", &run, "--dry-run"])
        .exit(0)
        .says(["restore user_id on 20 rows", "dry run: 20 rows would be restored"]);
    shop.trueup_at(&pooler.url(), &["undo", &run, "--yes"]).exit(4).says("pool");
    shop.undo(&run).exit(0);
}
