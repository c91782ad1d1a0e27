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
    .says("2 rows: refused by the server (see the error above)")
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
}

/// Halves of a batch may lack rows that refer to each other: what is told is what the server said of the whole.
#[test]
fn a_row_that_is_refused_among_rows_that_refer_to_each_other_is_told() {
    let schema = "CREATE TABLE items (id int PRIMARY KEY, bad boolean NOT NULL, parent int REFERENCES items);
        INSERT INTO items SELECT g, true, CASE WHEN g BETWEEN 251 AND 500 THEN g - 250 END
            FROM generate_series(1, 600) AS g;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF OLD.id = 300 THEN RAISE EXCEPTION 'item 300 is frozen'; END IF; RETURN OLD; END $$;
        CREATE TRIGGER frozen BEFORE DELETE ON items FOR EACH ROW EXECUTE FUNCTION refuse();";
    let check = "-- title: No bad items\n-- table: public.items\n-- key: id\n-- find:\nSELECT id FROM items WHERE bad;\n\
        -- fix: gone   Nobody misses them\n-- action: delete\nSELECT id FROM items WHERE bad;\n";
    let shop = Shop::with(schema, &[("items", check)]);
    shop.fix()
        .exit(1)
        .says(["500 rows that refer to each other: item 300 is frozen", "500 rows remain"])
        .lacks("violates foreign key");
    assert_eq!(shop.database.value("SELECT count(*) FROM items WHERE id > 500"), "0");
}
