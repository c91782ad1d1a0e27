//! Which rows a fix gets, and which it does not: several answers, several fixes, too many rows.

use super::*;

const HEAD: &str =
    "-- title: t\n-- table: items\n-- key: id\n-- find:\nSELECT id FROM items WHERE v IS NULL;\n";
const ITEMS: &str = "CREATE TABLE items (id int PRIMARY KEY, v int, w text);
    INSERT INTO items SELECT n FROM generate_series(1, 6) AS n";

fn shop(checks: &[(&str, String)]) -> Shop {
    let checks: Vec<(&str, &str)> = checks.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Shop::with(ITEMS, &checks)
}

fn with(fixes: &str) -> String {
    format!("{HEAD}{fixes}")
}

fn items(shop: &Shop) -> String {
    shop.database
        .value("SELECT string_agg(concat_ws(':', id, COALESCE(v::text, '-'), w), ' ' ORDER BY id) FROM items")
}

/// As it was, with nothing left behind.
#[track_caller]
fn untouched(shop: &Shop) {
    assert_eq!(items(shop), "1:- 2:- 3:- 4:- 5:- 6:-");
    assert_eq!(shop.plans(), "0");
    assert!(shop.runs().is_empty());
}

#[test]
fn a_row_with_several_answers_is_never_changed() {
    let fix = with(
        "-- fix: guess\nSELECT id, v FROM (VALUES (1, 10), (2, 20), (2, 21), (3, 30), (3, 30), (4, NULL), (4, 40)) AS g (id, v);",
    );
    let shop = shop(&[("items", fix)]);
    for args in [&["verify", "--fix", "--dry-run"][..], &["verify", "--fix", "--yes"]] {
        let document = shop.document(args, 1);
        let fix = &document["fixes"][0];
        assert_eq!((&fix["rows"], &fix["ambiguous"]), (&2.into(), &2.into()), "{document:#}");
        let candidates: Vec<String> = fix["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {}", one["key"], one["answers"]))
            .collect();
        assert_eq!(candidates[0], r#"["2"] [["20"],["21"]]"#, "{candidates:?}");
        // That it is to stay as it is, is an answer, too.
        assert_eq!(candidates[1], r#"["4"] [["40"],[null]]"#, "{candidates:?}");
        assert_eq!(fix["changed"], if args[2] == "--yes" { 2 } else { 0 });
    }
    assert_eq!(items(&shop), "1:10 2:- 3:30 4:- 5:- 6:-");
    shop.fix().exit(1).says([
        "2 rows with several possible values, which are not changed",
        "id 2: v 20 or v 21",
        "4 rows remain",
    ]);
    shop.undo_all();
    assert_eq!(items(&shop), "1:- 2:- 3:- 4:- 5:- 6:-");
}

#[test]
fn the_first_fix_that_proposes_a_row_has_it() {
    let fixes = with(
        "-- fix: first\nSELECT id, 1 AS v FROM items WHERE id <= 2;\n-- fix: second\nSELECT id, 2 AS v FROM items WHERE id <= 4 AND v IS NULL;\n",
    );
    let shop = shop(&[("items", fixes)]);
    let document = shop.document(&["verify", "--fix", "--dry-run"], 1);
    let rows: Vec<&Value> = document["fixes"].as_array().unwrap().iter().map(|fix| &fix["rows"]).collect();
    assert_eq!(rows, [2, 2]);
    shop.fix().exit(1).says("repaired 4 rows");
    assert_eq!(items(&shop), "1:1 2:1 3:2 4:2 5:- 6:-");
}

/// Also across checks of the same table: all are evaluated in one snapshot, before the first of them changed anything.
#[test]
fn the_first_check_that_proposes_a_row_has_it() {
    let one = with("-- fix: f\nSELECT id, 1 AS v FROM items WHERE id <= 2;\n");
    let two = with("-- fix: f\nSELECT id, 'w' AS w FROM items WHERE id <= 4;\n");
    let shop = shop(&[("b", two), ("a", one)]);
    shop.fix().exit(1).says("repaired 4 rows");
    assert_eq!(items(&shop), "1:1 2:1 3:-:w 4:-:w 5:- 6:-");
    shop.undo_all();
    assert_eq!(items(&shop), "1:- 2:- 3:- 4:- 5:- 6:-");
}

#[test]
fn more_rows_than_the_file_allows_are_refused() {
    let fixes = with(
        "-- fix: small\nSELECT id, 1 AS v FROM items WHERE id = 6;\n-- fix: all\n-- at-most: 4\nSELECT id, 2 AS v FROM items;\n",
    );
    let shop = shop(&[("items", fixes)]);
    let words = ["fix items/all would change 5 rows", "`-- at-most: 4`", "nothing was changed"];
    shop.fix().exit(4).says(words);
    untouched(&shop);
    // Without a yes, too.
    shop.trueup(["verify", "--fix"]).exit(4).says(words);
    untouched(&shop);
    shop.database.exec("DELETE FROM items WHERE id = 5");
    shop.fix().exit(0).says("repaired 5 rows; OK");
}

/// What comes while it works is not planned in the second pass: the limit is of the run.
#[test]
fn f20_more_rows_than_the_file_allows_are_not_taken_in_the_second_pass() {
    use crate::support::proxy::{Proxy, Then};
    let fixes = with("-- fix: all\n-- at-most: 6\nSELECT id, 2 AS v FROM items WHERE v IS NULL;\n");
    let shop = shop(&[("items", fixes)]);
    let (url, done) = (shop.database.url().to_owned(), std::sync::atomic::AtomicBool::new(false));
    let proxy = Proxy::start(&shop.database, move |_, sql| {
        if sql.contains("UPDATE public.items") && !done.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let sql = "UPDATE items SET w = 'x' WHERE id = 1; INSERT INTO items SELECT n FROM generate_series(100, 199) AS n";
            support::try_query_at(&url, sql).unwrap();
        }
        Then::Forward
    });
    shop.trueup_at(&proxy.url(&shop.database), &["verify", "--fix", "--yes"])
        .exit(1)
        .says(["the producer is still active", "100 rows remain"]);
    assert_eq!(shop.recorded(), "6");
    assert_eq!(shop.database.value("SELECT count(*) FROM items WHERE v IS NULL"), "100");
}

/// Nothing is proposed that is so already.
#[test]
fn a_row_that_is_right_is_not_written() {
    let fixes = with("-- fix: all\nSELECT id, 7 AS v, w FROM items;\n");
    let shop = shop(&[("items", fixes)]);
    shop.database.exec("UPDATE items SET v = 7 WHERE id = 3");
    shop.fix().exit(0).says("repaired 5 rows; OK");
    assert_eq!(shop.database.value("SELECT count(DISTINCT xmin::text) FROM items"), "2");
}

#[test]
fn without_a_yes_nothing_is_changed() {
    let fixes = with("-- fix: all\nSELECT id, 7 AS v FROM items;\n");
    let shop = shop(&[("items", fixes)]);
    shop.trueup(["verify", "--fix"]).exit(4).says(["repair 6 rows: not confirmed", "nothing was changed"]);
    shop.trueup(["verify", "--fix", "--dry-run"])
        .exit(1)
        .says("dry run: 6 rows would be repaired; nothing was changed");
    untouched(&shop);
    assert_eq!(shop.database.value("SELECT to_regnamespace('trueup') IS NULL"), "t");
}
