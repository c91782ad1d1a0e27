//! Kinds of tables, keys, triggers and foreign keys; rows that are deleted, and come back.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::support::proxy::{Proxy, Then};

const HEAD: &str =
    "-- title: t\n-- table: public.items\n-- key: id\n-- find:\nSELECT id FROM items WHERE bad;\n";

fn deleting() -> String {
    format!("{HEAD}-- fix: remove\n-- action: delete\nSELECT id FROM items WHERE bad;\n")
}

fn unbad() -> String {
    format!("{HEAD}-- fix: mend\nSELECT id, false AS bad FROM items WHERE bad;\n")
}

const ITEMS: &str = "CREATE TABLE items (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        bad boolean NOT NULL DEFAULT true,
        price numeric(10,2),
        gross numeric GENERATED ALWAYS AS (price * 1.19) STORED,
        j json, a int[], d double precision, mood mood, c char(5), t text);";
const MOOD: &str = "CREATE TYPE mood AS ENUM ('so', 'so so');";
const ROWS: &str = "INSERT INTO items (bad, price, j, a, d, mood, c, t) VALUES
        (true, 1.10, '{\"b\": 1,  \"a\":2}', '[2:3]={7,NULL}', '-0', 'so so', 'x', NULL),
        (true, 'NaN', NULL, NULL, 'NaN', NULL, NULL, ''),
        (true, 2.5, '1', '{}', '0.1', 'so', 'y', E'a\\nb'),
        (false, 3, NULL, NULL, 1, NULL, NULL, 'good')";

#[test]
fn f44_deleted_rows_come_back_with_identity_and_generated_columns() {
    let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS}"), &[("items", &deleting())]);
    shop.keep("items");
    shop.fix().exit(0).says(["deleted 3 rows of public.items", "OK: "]);
    assert_eq!(shop.database.value("SELECT count(*) FROM items"), "1");
    let run = shop.runs().remove(0);
    shop.undo(&run).exit(0).says("inserted 3 rows into public.items again");
    assert_eq!(shop.differing("items"), "0");
    // The next row has a number of its own.
    assert_eq!(shop.database.value("INSERT INTO items (t) VALUES ('new') RETURNING id"), "5");
}

/// Somebody has made a row of that key meanwhile: it is kept.
#[test]
fn f22_a_row_that_is_there_again_is_kept() {
    let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS}"), &[("items", &deleting())]);
    shop.keep("items");
    shop.fix().exit(0);
    shop.database.exec("INSERT INTO items (id, bad, t) OVERRIDING SYSTEM VALUE VALUES (2, false, 'theirs')");
    shop.undo(&shop.runs()[0]).exit(1).says(["inserted 2 rows", "skipped, edited since the repair: 1 row"]);
    assert_eq!(shop.database.value("SELECT t FROM items WHERE id = 2"), "theirs");
    assert_eq!(shop.differing("items"), "1");
}

const CHILDREN: [&str; 3] = ["CASCADE", "SET NULL", "SET DEFAULT"];

#[test]
fn a_delete_that_takes_others_along_is_refused() {
    for action in CHILDREN {
        let children = format!(
            "CREATE TABLE children (id int PRIMARY KEY, item bigint DEFAULT 4 REFERENCES items ON DELETE {action});
             INSERT INTO children VALUES (1, 2), (2, 4)"
        );
        let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS};{children}"), &[("items", &deleting())]);
        shop.keep("items");
        let told = format!("foreign key children_item_fkey of public.children (ON DELETE {action})");
        for args in [&["verify", "--fix", "--yes"][..], &["verify", "--fix"]] {
            shop.trueup(args)
                .exit(4)
                .says(&told)
                .says(["would delete 1 rows that others refer to", "nothing was changed"]);
        }
        assert_eq!((shop.differing("items").as_str(), shop.plans().as_str()), ("0", "0"));
        // Where nobody refers to them, they go.
        shop.database.exec("DELETE FROM children WHERE item = 2");
        shop.fix().exit(0).says("deleted 3 rows");
    }
}

const CODES: &str = "-- title: t\n-- table: public.codes\n-- key: id\n-- find:\n\
    SELECT id FROM codes WHERE code <> trim(code) OR note IS NULL;\n-- fix: trim\n\
    SELECT id, trim(code) AS code, '' AS note FROM codes WHERE code <> trim(code) OR note IS NULL;\n";

/// A shop of codes that others refer to.
fn codes(action: &str) -> Shop {
    let schema = format!(
        "CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE, note text);
         CREATE TABLE children (id int PRIMARY KEY, code text DEFAULT 'c' REFERENCES codes (code) ON UPDATE {action});
         INSERT INTO codes VALUES (1, 'a ', NULL), (2, 'b ', NULL), (3, 'c', NULL);
         INSERT INTO children VALUES (1, 'a '), (2, 'c')"
    );
    Shop::with(&schema, &[("codes", CODES)])
}

/// A child has no old value that is kept. One whose row keeps its code is nobody's concern.
#[test]
fn an_update_that_changes_others_is_refused() {
    for action in CHILDREN {
        let shop = codes(action);
        let told = format!("foreign key children_code_fkey of public.children (ON UPDATE {action})");
        let refused =
            ["fix codes/trim would change 1 rows that others refer to", &told, "nothing was changed"];
        shop.trueup(["verify", "--fix", "--dry-run"])
            .exit(1)
            .says(refused)
            .says("next: leave these rows out of the fix")
            .lacks("next: trueup verify --fix");
        for args in [&["verify", "--fix", "--yes"][..], &["verify", "--fix"]] {
            shop.trueup(args).exit(4).says(refused);
        }
        assert_eq!(shop.plans(), "0");
        shop.database.exec("DELETE FROM children WHERE code = 'a '");
        shop.fix().exit(0).says("repaired 3 rows");
        // What came to refer to a repaired value is not taken along, either.
        shop.database.exec("INSERT INTO children VALUES (3, 'b')");
        let run = shop.runs().remove(0);
        shop.undo(&run).exit(1).says("restored 2 rows; skipped, edited since the repair: 1 row");
        let codes = "SELECT string_agg(code, ',' ORDER BY id) FROM ";
        assert_eq!(shop.database.value(&format!("{codes} codes")), "a ,b,c");
        assert_eq!(shop.database.value(&format!("{codes} children")), "c,b");
        shop.database.exec("DELETE FROM children WHERE id = 3");
        shop.undo(&run).exit(0).says("restored 1 row");
    }
}

/// A child that comes after the plan.
#[test]
fn a_child_that_comes_after_the_plan_keeps_its_value() {
    for action in CHILDREN {
        let shop = codes(action);
        shop.database.exec("DELETE FROM children WHERE code = 'a '");
        let (url, done) = (shop.database.url().to_owned(), AtomicBool::new(false));
        let proxy = Proxy::start(&shop.database, move |_, sql| {
            if sql.contains("UPDATE public.codes") && !done.swap(true, Ordering::SeqCst) {
                support::try_query_at(&url, "INSERT INTO children VALUES (1, 'a ')").unwrap();
            }
            Then::Forward
        });
        let ran = shop.trueup_at(&proxy.url(&shop.database), &["verify", "--fix", "--yes"]).run();
        assert_ne!(ran.code(), Some(0), "{action}: {}", ran.shown());
        let codes = "SELECT string_agg(code, ',' ORDER BY id) FROM ";
        assert_eq!(shop.database.value(&format!("{codes} codes")), "a ,b,c", "{action}");
        assert_eq!(shop.database.value(&format!("{codes} children")), "a ,c", "{action}");
    }
}

/// The table is a part of one that others refer to.
#[test]
fn a_delete_in_a_partition_that_takes_others_along_is_refused() {
    let schema = "CREATE TABLE whole (id bigint PRIMARY KEY, bad boolean) PARTITION BY RANGE (id);
        CREATE TABLE items PARTITION OF whole FOR VALUES FROM (0) TO (100);
        CREATE TABLE children (id int PRIMARY KEY, item bigint REFERENCES whole ON DELETE CASCADE);
        INSERT INTO whole VALUES (1, true), (2, true); INSERT INTO children VALUES (1, 2)";
    let shop = Shop::with(schema, &[("items", &deleting())]);
    shop.fix()
        .exit(4)
        .says(["would delete 1 rows that others refer to", "of public.children (ON DELETE CASCADE)"]);
    assert_eq!(shop.database.value("SELECT count(*) FROM children"), "1");
}

/// A child that comes after the plan, and one whose transaction is not committed when the batch begins.
#[test]
fn a_child_that_comes_after_the_plan_keeps_its_row() {
    for action in CHILDREN {
        let children = format!(
            "CREATE TABLE children (id int PRIMARY KEY, item bigint REFERENCES items ON DELETE {action})"
        );
        let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS};{children}"), &[("items", &deleting())]);
        shop.settings("[repair]\nlock_timeout = \"900ms\"\n");
        let mut app = Other::at(shop.database.url(), "shop");
        app.run("BEGIN; INSERT INTO children VALUES (2, 3)");
        let app = std::sync::Mutex::new(Some(app));
        let (url, done) = (shop.database.url().to_owned(), AtomicBool::new(false));
        let proxy = Proxy::start(&shop.database, move |_, sql| {
            if sql.contains("DELETE FROM public.items") && !done.swap(true, Ordering::SeqCst) {
                support::try_query_at(&url, "INSERT INTO children VALUES (1, 2)").unwrap();
                let app = app.lock().unwrap().take();
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(200));
                    app.unwrap().run("COMMIT");
                });
            }
            Then::Forward
        });
        let fix = shop.trueup_at(&proxy.url(&shop.database), &["verify", "--fix", "--yes"]);
        let ran = fix.case(action).exit_in(&[1, 4, 6]);
        let rows = "SELECT (SELECT string_agg(id::text, ',' ORDER BY id) FROM items) || ' ' ||
            (SELECT string_agg(item::text, ',' ORDER BY id) FROM children)";
        assert_eq!(shop.database.value(rows), "2,3,4 2,3", "{}", ran.shown());
        assert_eq!(shop.recorded(), "1");
    }
}

/// RESTRICT and NO ACTION say it themselves: the row stays and is named, and all others are deleted.
#[test]
fn a_row_whose_deletion_a_foreign_key_forbids_stays() {
    let children = "CREATE TABLE children (id int PRIMARY KEY, item bigint REFERENCES items);
        INSERT INTO children VALUES (1, 2)";
    let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS};{children}"), &[("items", &deleting())]);
    shop.keep("items");
    shop.fix().exit(1).says(["deleted 2 rows", "id 2: ", "violates foreign key constraint"]);
    assert_eq!(shop.differing("items"), "2");
    assert_eq!(shop.database.value("SELECT count(*) FROM items WHERE id = 2"), "1");
    shop.undo_all();
    assert_eq!(shop.differing("items"), "0");
}

/// A row with two things wrong is repaired by one fix a run; nobody is said to have made it meanwhile.
#[test]
fn a_row_that_two_fixes_propose_something_for_is_left_to_the_next_run() {
    let check = "-- title: t\n-- table: public.pairs\n-- key: id\n-- find:\n\
        SELECT id FROM pairs WHERE a IS NULL OR b IS NULL;\n\
        -- fix: a\nSELECT id, 1 AS a FROM pairs WHERE a IS NULL;\n\
        -- fix: b\nSELECT id, 2 AS b FROM pairs WHERE b IS NULL;\n";
    let schema =
        "CREATE TABLE pairs (id int PRIMARY KEY, a int, b int); INSERT INTO pairs VALUES (1, NULL, NULL)";
    let shop = Shop::with(schema, &[("pairs", check)]);
    shop.fix()
        .exit(1)
        .says(["1 row remains: 1 that another fix proposes something for", "the same command again"])
        .lacks("producer");
    shop.fix().exit(0).says("repaired 1 row");
    shop.undo_all();
    assert_eq!(shop.database.value("SELECT count(*) FROM pairs WHERE a IS NULL AND b IS NULL"), "1");
}

/// GENERATED BY DEFAULT is a default, which a fix may do without.
#[test]
fn an_identity_column_that_is_a_default_can_be_set() {
    let check = "-- title: t\n-- table: public.numbers\n-- key: id\n-- find:\nSELECT id FROM numbers WHERE n < 0;\n\
        -- fix: mend\nSELECT id, -n AS n FROM numbers WHERE n < 0;\n";
    let schema = |how: &str| {
        format!(
            "CREATE TABLE numbers (id int PRIMARY KEY, n int GENERATED {how} AS IDENTITY);
             INSERT INTO numbers OVERRIDING SYSTEM VALUE VALUES (1, -7)"
        )
    };
    let shop = Shop::with(&schema("BY DEFAULT"), &[("numbers", check)]);
    shop.fix().exit(0).says("repaired 1 row");
    shop.undo_all();
    assert_eq!(shop.database.value("SELECT n FROM numbers"), "-7");
    let shop = Shop::with(&schema("ALWAYS"), &[("numbers", check)]);
    shop.fix().exit(2).says("column n of public.numbers is generated: it cannot be set");
}

/// Rows of one table that refer to each other, whichever are found first; also in a ring.
#[test]
fn rows_that_refer_to_each_other_are_deleted_and_come_back() {
    let ring = "1 + g % 1600";
    for parent in [
        "CASE WHEN g < 1600 THEN 1600 END",
        "CASE WHEN g > 1 THEN 1 END",
        "CASE WHEN g > 1 THEN g - 1 END",
        ring,
    ] {
        let schema = format!(
            "CREATE TABLE items (id int PRIMARY KEY, bad boolean NOT NULL, parent int REFERENCES items);
             INSERT INTO items SELECT g, true, {parent} FROM generate_series(1, 1600) AS g"
        );
        let shop = Shop::with(&schema, &[("items", &deleting())]);
        shop.keep("items");
        shop.fix().exit(0).says(["deleted 1600 rows", "OK: "]);
        let run = shop.runs().remove(0);
        shop.undo(&run).exit(0).says("inserted 1600 rows");
        assert_eq!(shop.differing("items"), "0", "{parent}");
    }
}

/// A row that is not deleted refers to one that is: the server says it, however many there are.
#[test]
fn a_row_that_stays_and_refers_to_one_that_would_go_is_told() {
    let schema = "CREATE TABLE items (id int PRIMARY KEY, bad boolean NOT NULL, parent int REFERENCES items);
        INSERT INTO items SELECT g, g < 1600, 3 FROM generate_series(1, 1600) AS g";
    let shop = Shop::with(schema, &[("items", &deleting())]);
    shop.keep("items");
    shop.fix().exit(5).says(["violates foreign key constraint", "no row was changed"]);
    assert_eq!(shop.differing("items"), "0");
}

/// What a trigger writes in the place of what a fix says is what undo looks for.
#[test]
fn a_trigger_that_rewrites_a_column_is_told_and_taken_back() {
    let trigger = "ALTER TABLE items ADD COLUMN touched int DEFAULT 0;
        CREATE FUNCTION upper_t() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.t := upper(NEW.t); NEW.touched := OLD.touched + 1; RETURN NEW; END$$;
        CREATE TRIGGER upper_t BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION upper_t()";
    let fix = format!("{HEAD}-- fix: mend\nSELECT id, false AS bad, 'mended' AS t FROM items WHERE bad;\n");
    let shop = Shop::with(&format!("{MOOD}{ITEMS}{ROWS};{trigger}"), &[("items", &fix)]);
    shop.trueup(["verify", "--fix", "--dry-run"])
        .exit(1)
        .says(["trigger upper_t before the change calls public.upper_t()", "undo does not restore"]);
    shop.fix().exit(0).says("repaired 3 rows; OK");
    assert_eq!(
        shop.database.value("SELECT string_agg(t, ',' ORDER BY id) FROM items"),
        "MENDED,MENDED,MENDED,good"
    );
    shop.database.exec("UPDATE items SET t = 'theirs' WHERE id = 3");
    shop.undo(&shop.runs()[0]).exit(1).says("restored 2 rows; skipped, edited since the repair: 1 row");
    assert_eq!(
        shop.database.value("SELECT string_agg(bad || COALESCE(t, '-'), ',' ORDER BY id) FROM items"),
        "true-,true,falseTHEIRS,falsegood"
    );
}

#[test]
fn partitioned_tables_and_composite_keys() {
    let schema = "CREATE TABLE items (id int, \"Kind\" text, bad boolean, v text, PRIMARY KEY (id, \"Kind\")) PARTITION BY LIST (\"Kind\");
        CREATE TABLE items_a PARTITION OF items FOR VALUES IN ('a');
        CREATE TABLE items_b PARTITION OF items FOR VALUES IN ('b');
        INSERT INTO items SELECT n, k, n % 3 <> 0, k || n FROM generate_series(1, 600) AS n, (VALUES ('a'), ('b')) AS k (k)";
    let head = "-- title: t\n-- table: items\n-- key: id, \"Kind\"\n-- find:\nSELECT id, \"Kind\" FROM items WHERE bad;\n";
    let mend = "-- fix: mend\nSELECT id, \"Kind\", false AS bad, v || '!' AS v FROM items WHERE bad;\n";
    let remove = "-- fix: remove\n-- action: delete\nSELECT \"Kind\", id FROM items WHERE bad;\n";
    let differing = "SELECT count(*) FROM items AS t FULL JOIN kept.items AS k USING (id, \"Kind\")
        WHERE record_image_eq(t, k) IS NOT TRUE";
    for fix in [mend, remove] {
        let shop = Shop::with(schema, &[("items", &format!("{head}{fix}"))]);
        shop.keep("items");
        shop.fix().exit(0).says("repaired 800 rows; OK");
        assert_eq!(shop.database.value(differing), "800");
        shop.undo_all();
        assert_eq!(shop.database.value(differing), "0");
    }
}

/// A row that moves to another partition is found there again.
#[test]
fn a_row_that_moves_to_another_partition_comes_back() {
    let schema = "CREATE TABLE items (id int, bad boolean NOT NULL) PARTITION BY LIST (bad);
        CREATE TABLE items_good PARTITION OF items FOR VALUES IN (false);
        CREATE TABLE items_bad PARTITION OF items FOR VALUES IN (true);
        ALTER TABLE items_good ADD PRIMARY KEY (id); ALTER TABLE items_bad ADD PRIMARY KEY (id);
        ALTER TABLE items ADD UNIQUE (id, bad); ALTER TABLE items ALTER COLUMN id SET NOT NULL;
        INSERT INTO items SELECT n, true FROM generate_series(1, 10) AS n";
    // Nothing identifies a row of the whole without what changes.
    let shop = Shop::with(schema, &[("items", &unbad())]);
    shop.fix().exit(2).says("no unique index of public.items is over exactly (id)");
    assert_eq!(shop.database.value("SELECT count(*) FROM items_bad"), "10");
}

/// As in an UPDATE: a value that is too long for the type below a domain is refused, not cut.
#[test]
fn f46_a_text_too_long_for_a_domain_is_refused() {
    let shop = Shop::with(
        "CREATE DOMAIN short AS varchar(3); CREATE TABLE items (id int PRIMARY KEY, code short);",
        &[(
            "codes",
            "-- title: t\n-- table: items\n-- key: id\n-- find:\nSELECT id FROM items WHERE code IS NULL;\n\
             -- fix: f\nSELECT id, 'abcdef'::text AS code FROM items WHERE code IS NULL;\n",
        )],
    );
    shop.database.exec("INSERT INTO items VALUES (1)");
    shop.fix().exit(5).says("value too long for type character varying(3)");
    assert_eq!(shop.database.value("SELECT count(*) FROM items WHERE code IS NULL"), "1");
    let fits = "-- title: t\n-- table: items\n-- key: id\n-- find:\nSELECT id FROM items WHERE code IS NULL;\n\
        -- fix: f\nSELECT id, 'abc'::text AS code FROM items WHERE code IS NULL;\n";
    shop.checks(&[("codes", fits)]);
    shop.fix().exit(0).says("repaired 1 row; OK");
    assert_eq!(shop.database.value("SELECT code FROM items"), "abc");
}
