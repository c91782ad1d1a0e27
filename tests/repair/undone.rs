//! F22: taking a repair back after somebody edited rows, twice, in part; and removing what could be taken back.

use super::*;

/// Repaired keys, and the run that did it.
fn repaired(keys: usize) -> (Shop, String) {
    let shop = Shop::of(keys);
    shop.fix(0, &[]);
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
    let output = shop.undo(
        &run,
        1,
        &["done: gave 27 rows back; changed since, and kept: 3 rows", "changed since, and kept:"],
    );
    let listed = said(&output);
    assert!(["│ 5 ", "│ 6 ", "│ 7 "].iter().all(|id| listed.contains(id)), "{listed}");
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
        expect(&shop.run(&["undo", &run, how]), 4, &[why, "ALTER COLUMN user_id DROP NOT NULL"]);
    }
    assert_eq!(shop.database.value(UNTOUCHED), "1");
    shop.database.exec("ALTER TABLE keys ALTER user_id DROP NOT NULL");
    shop.undo(&run, 1, &["done: gave 29 rows back"]);
}

#[test]
fn f22_taking_it_back_twice_changes_nothing() {
    let (shop, run) = repaired(30);
    let first = shop.document(&["undo", &run, "--yes"], 0);
    shop.as_before();
    let versions = "SELECT md5(string_agg(concat(ctid, xmin, k), ',' ORDER BY ctid)) FROM keys AS k";
    let before = shop.database.value(versions);
    let by = format!("taken back by run {}", first["run"].as_str().unwrap());
    let runs = shop.database.value("SELECT count(*) FROM trueup.runs");
    shop.undo(&run, 0, &["nothing to do", "is taken back already", &by]);
    expect(&shop.run(&["undo", &run, "--dry-run"]), 0, &["nothing to do", &by]);
    assert_eq!(shop.database.value(versions), before);
    assert_eq!(shop.database.value("SELECT count(*) FROM trueup.runs"), runs);
    // And the rows can be repaired, and taken back, again.
    shop.fix(0, &["repaired 30 rows; clean"]);
    shop.undo(&shop.runs()[0], 0, &["gave 30 rows back"]);
    shop.as_before();
}

/// Two at once: each row is given back once.
#[test]
fn f22_two_at_once_take_it_back_once() {
    let (shop, run) = repaired(1600);
    let children: Vec<Child> = (0..2).map(|_| start(shop.trueup(&["undo", &run, "--yes"]))).collect();
    let codes: Vec<(Option<i32>, String)> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            (output.status.code(), said(&output))
        })
        .collect();
    assert!(codes.iter().all(|(code, _)| *code == Some(0)), "{codes:?}");
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "1600 0");
    shop.as_before();
}

/// Rows that somebody holds locked are kept, and said so.
#[test]
fn f22_a_locked_row_is_kept() {
    let (shop, run) = repaired(30);
    let mut app = Other::at(shop.database.url(), "billing");
    app.run("BEGIN; SELECT FROM keys WHERE id = 7 FOR UPDATE");
    shop.undo(&run, 1, &["gave 29 rows back; changed since, and kept: 1 row"]);
    drop(app);
    assert_eq!(
        shop.database.value("SELECT string_agg(id::text, ',') FROM keys WHERE user_id IS NOT NULL"),
        "0,7"
    );
}

#[test]
fn an_unknown_run_is_refused_and_a_prefix_is_enough() {
    let (shop, run) = repaired(5);
    shop.undo("01ZZZZ", 4, &["run 01ZZZZ repaired nothing in this database", "trueup status --runs"]);
    expect(&shop.run(&["undo", "%", "--yes"]), 4, &["repaired nothing"]);
    shop.database.exec("INSERT INTO keys VALUES (100, 'u1')");
    shop.fix(0, &[]);
    let second = shop.runs().remove(0);
    // Both begin with the century.
    shop.undo(&run[..2], 4, &["several runs begin with", "give all of its identifier"]);
    let differ = run.bytes().zip(second.bytes()).take_while(|(one, other)| one == other).count() + 1;
    shop.undo(&second[..differ].to_lowercase(), 0, &["gave 1 row back"]);
    shop.undo(&run[..differ], 0, &["gave 5 rows back"]);
    let empty = Shop::with("CREATE TABLE t (id int)", &[]);
    empty.undo(&run, 4, &["repaired nothing in this database"]);
    assert_eq!(empty.database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}

#[test]
fn a_table_that_was_made_anew_or_changed_is_refused() {
    for (change, words) in [
        (
            "DROP TABLE keys; CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint)",
            "public.keys was dropped, made anew or renamed",
        ),
        ("ALTER TABLE keys RENAME TO old_keys", "public.keys was dropped, made anew or renamed"),
        ("ALTER TABLE keys DROP COLUMN user_id", "columns of public.keys are gone"),
        ("ALTER TABLE keys DROP COLUMN id", "columns of public.keys are gone"),
    ] {
        let (shop, run) = repaired(5);
        shop.database.exec(change);
        for args in [&["undo", &run, "--yes"][..], &["undo", &run, "--dry-run"]] {
            expect(
                &shop.run(args),
                4,
                &[words, "nothing was changed", "its old values are in trueup.repair_"],
            );
        }
        assert_eq!(shop.database.value(UNTOUCHED), "1");
    }
    // A column more, or another type that the old values fit, is no reason.
    let (shop, run) = repaired(5);
    shop.database.exec("ALTER TABLE keys ADD COLUMN more text DEFAULT 'x'");
    shop.undo(&run, 0, &["gave 5 rows back"]);
    assert_eq!(shop.orphans(), 5);
}

#[test]
fn pruned_before_images_cannot_be_taken_back() {
    let (shop, run) = repaired(5);
    expect(
        &shop.run(&["undo", "--prune", "30d", "--yes"]),
        0,
        &["nothing to do: no before-images are that old"],
    );
    expect(&shop.run(&["undo", "--prune", "0s", "--dry-run"]), 0, &["a plan, nothing was changed", &run]);
    assert_eq!(shop.plans(), "1");
    expect(&shop.run(&["undo", "--prune", "0s"]), 4, &["not confirmed"]);
    assert_eq!(shop.plans(), "1");
    expect(&shop.run(&["undo", "--prune", "0s", "--yes"]), 0, &["removed the before-images of 1 run"]);
    assert_eq!(shop.plans(), "0");
    assert_eq!(shop.orphans(), 0, "the rows stay repaired");
    // It was not taken back, and must not be said to be.
    for args in [&["undo", &run, "--yes"][..], &["undo", &run, "--dry-run"]] {
        let output = shop.run(args);
        expect(&output, 4, &["before-images", "removed"]);
        assert!(!said(&output).contains("taken back already"), "{}", said(&output));
    }
    // One that was taken back before stays so.
    shop.database.exec("UPDATE keys SET user_id = NULL WHERE id = 1");
    shop.fix(0, &["repaired 1 row"]);
    let second = shop.runs().remove(0);
    shop.undo(&second, 0, &[]);
    expect(&shop.run(&["undo", "--prune", "0s", "--yes"]), 0, &["removed the before-images of 1 run"]);
    shop.undo(&second, 0, &["taken back already"]);
}
