//! Rows that a trigger or a constraint refuses: they are found, named and left out, and all others are repaired.

use super::*;

/// A trigger that refuses some keys.
const TRIGGER: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id IN (7, 1203) THEN
            RAISE EXCEPTION 'key % is frozen', NEW.id USING HINT = 'ask the owner';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER frozen BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION refuse();";

#[test]
fn rows_that_a_trigger_refuses_are_named_and_the_rest_is_repaired() {
    let shop = Shop::of(1600);
    shop.database.exec(TRIGGER);
    let ran = shop.fix().exit(1);
    ran.says([
        "repaired 1598 rows",
        "skipped, refused by the server: 2 rows",
        "id 7: key 7 is frozen",
        "id 1203: key 1203",
    ])
    .says(["hint: ask the owner", "context: PL/pgSQL function", "refuse()", "2 rows remain"])
    .says("2 rows remain: 2 that the server refuses to change: the errors are listed with the fix")
    .lacks("producer");
    assert_eq!(shop.orphans(), 2);
    assert_eq!(shop.recorded(), "1598");
    // The record says which rows they are.
    let run = shop.runs().remove(0);
    let plan = format!("trueup.repair_{}_1", run.to_lowercase());
    let marked = format!("SELECT string_agg(k1::text, ',' ORDER BY k1) FROM {plan} WHERE state = 'r'");
    assert_eq!(shop.database.value(&marked), "7,1203");
    // Undo is exact: what was refused was never changed.
    shop.database.exec("DROP TRIGGER frozen ON keys");
    shop.undo(&run).exit(0).says("restored 1598 rows");
    shop.as_before();
}

#[test]
fn rows_that_a_trigger_refuses_are_in_the_document() {
    let shop = Shop::of(40);
    shop.database.exec(TRIGGER);
    let document = shop.fix().args(["--format", "json"]).exit(1).json();
    let fix = &document["fixes"][0];
    assert_eq!((fix["changed"].as_u64(), fix["refused"].as_u64()), (Some(39), Some(1)));
    let row = &fix["refused_rows"][0];
    assert_eq!(row["key"], serde_json::json!(["7"]));
    assert!(row["message"].as_str().unwrap().starts_with("key 7 is frozen"), "{row}");
    assert!(row["context"].as_str().unwrap().contains("refuse()"), "{row}");
}

#[test]
fn a_row_that_a_constraint_refuses_is_named() {
    let shop = Shop::of(600);
    shop.database.exec("ALTER TABLE keys ADD CHECK (id <> 555 OR user_id IS NULL)");
    shop.fix().exit(1).says(["repaired 599 rows", "id 555: ", "violates check constraint"]);
    // A constraint that is checked at COMMIT.
    let shop = Shop::of(600);
    shop.database.exec(
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.id = 555 THEN RAISE EXCEPTION 'too late'; END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON keys DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION later();",
    );
    shop.fix().exit(1).says(["repaired 599 rows", "id 555: too late"]);
}

#[test]
fn a_row_that_a_trigger_refuses_in_an_undo_is_named_and_the_rest_is_restored() {
    let shop = Shop::of(1600);
    shop.fix().exit(0);
    shop.database.exec(TRIGGER);
    let run = shop.runs().remove(0);
    shop.undo(&run)
        .exit(1)
        .says(["restored 1598 rows", "id 7: key 7 is frozen", "context: PL/pgSQL function"])
        .says(["not restored: refused by the server", "fix the reported error, then run: trueup undo "]);
    assert_eq!(shop.orphans(), 1598);
    shop.undo(&run).exit(1).says(["restored 0 rows", "id 1203: key 1203 is frozen"]);
    shop.database.exec("DROP TRIGGER frozen ON keys");
    shop.undo(&run).exit(0).says("restored 2 rows");
    shop.as_before();
}

#[test]
fn an_error_that_is_about_no_row_ends_the_repair() {
    let shop = Shop::of(600);
    shop.database.exec(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$;
         CREATE TRIGGER broken BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION broken();",
    );
    shop.fix().exit(5).says(["no space", "no row was changed"]);
    assert_eq!(shop.orphans(), 600);
    // The function is wrong itself.
    shop.database.exec(
        "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO no_such_log VALUES (NEW.id); RETURN NEW; END $$",
    );
    shop.fix().exit(5).says(["relation \"no_such_log\" does not exist", "no row was changed"]);
    assert_eq!(shop.orphans(), 600);
}

/// What the server says of many rows is said once.
#[test]
fn an_error_that_many_rows_have_is_told_once() {
    let shop = Shop::of(40);
    shop.database
        .exec(&TRIGGER.replace("IN (7, 1203)", "<= 12").replace("key % is frozen', NEW.id", "no such key'"));
    let ran = shop.fix().exit(1);
    let said = ran.stdout().matches("no such key").count();
    ran.says(["12 rows that the server refuses to change:", "id 1; id 2; id 3 and 9 more: no such key"]);
    assert_eq!(said, 1);
    let document = shop.fix().args(["--format", "json"]).exit(1).json();
    assert_eq!(document["fixes"][0]["refused_rows"].as_array().unwrap().len(), 12);
}

/// Items that refer to others of them, and a trigger that keeps item 300.
fn items(parent: &str, rows: u32) -> Shop {
    let schema = format!(
        "CREATE TABLE items (id int PRIMARY KEY, bad boolean NOT NULL, parent int REFERENCES items);
         INSERT INTO items SELECT g, true, {parent} FROM generate_series(1, {rows}) AS g;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF OLD.id = 300 THEN RAISE EXCEPTION 'item 300 is frozen'; END IF; RETURN OLD; END $$;
         CREATE TRIGGER frozen BEFORE DELETE ON items FOR EACH ROW EXECUTE FUNCTION refuse();"
    );
    let check = "-- title: No bad items\n-- table: public.items\n-- key: id\n-- find:\nSELECT id FROM items WHERE bad;\n\
        -- fix: gone   Nobody misses them\n-- action: delete\nSELECT id FROM items WHERE bad;\n";
    Shop::with(&schema, &[("items", check)])
}

/// Of rows that refer to each other, the one that the server refuses stays, and what it refers to.
#[test]
fn a_row_that_is_refused_among_rows_that_refer_to_each_other_is_told() {
    // Two rings, of which one has the row.
    let ring = "CASE g WHEN 10 THEN 20 WHEN 20 THEN 10 WHEN 300 THEN 50 WHEN 50 THEN 300 END";
    for (parent, rows, kept) in [
        ("CASE WHEN g BETWEEN 251 AND 500 THEN g - 250 END", 600, "50,300"),
        // What refers to it goes, and what it refers to is in another batch.
        ("CASE g WHEN 400 THEN 300 WHEN 300 THEN 1900 WHEN 1900 THEN 1200 END", 2000, "300,1200,1900"),
        (
            "CASE WHEN g > 1 THEN g - 1 END",
            301,
            &(1..=300).map(|id| id.to_string()).collect::<Vec<_>>().join(","),
        ),
        (ring, 600, "50,300"),
    ] {
        let shop = items(parent, rows);
        shop.keep("items");
        let count = kept.split(',').count();
        let remain = format!("{count} rows remain");
        let ran = shop.fix().case(parent).exit(1).says([remain.as_str(), "item 300 is frozen"]);
        if count == 2 && parent == ring {
            ran.says("one of 2 rows that refer to each other: item 300 is frozen");
        } else if count == 2 {
            ran.says("id 50: update or delete on table \"items\" violates foreign key");
        }
        assert_eq!(
            shop.database.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM items"),
            kept,
            "{parent}"
        );
        shop.database.exec("DROP TRIGGER frozen ON items");
        let run = shop.runs().remove(0);
        shop.undo(&run).case(parent).exit(0);
        assert_eq!(shop.differing("items"), "0", "{parent}");
    }
}

/// Rows that are inserted again by an undo come after those that they refer to.
#[test]
fn a_row_that_is_refused_in_an_undo_among_rows_that_refer_to_each_other_is_told() {
    let shop = items("CASE WHEN g BETWEEN 251 AND 500 THEN g - 250 END", 600);
    shop.database.exec("DROP TRIGGER frozen ON items");
    shop.keep("items");
    shop.fix().exit(0);
    shop.database.exec(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.id = 50 THEN RAISE EXCEPTION 'item 50 is frozen'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER frozen BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let run = shop.runs().remove(0);
    shop.undo(&run).exit(1).says([
        "inserted 598 rows",
        "id 50: item 50 is frozen",
        "id 300: insert or update",
    ]);
    shop.database.exec("DROP TRIGGER frozen ON items");
    shop.undo(&run).exit(0);
    assert_eq!(shop.differing("items"), "0");
}
