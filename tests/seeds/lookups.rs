//! Expressions that read rows: the rows that they need come first, and one that finds nothing is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::support::proxy::{Proxy, Then};

const CATEGORIES: &str = "CREATE TABLE public.categories (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    name text,
    parent_id bigint
);";

/// Two tables that no foreign key connects.
const CLUB: &str = "CREATE TABLE public.clubs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, chair bigint);
CREATE TABLE public.people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, club bigint);";

const TREE: &str = "SELECT string_agg(concat_ws('<', c.slug, p.slug), ' ' ORDER BY c.slug)
    FROM categories AS c LEFT JOIN categories AS p ON p.id = c.parent_id";

const CLUBS: &str = "SELECT string_agg(concat_ws(':', c.code, p.code), ' ' ORDER BY c.code)
    FROM clubs AS c LEFT JOIN people AS p ON p.id = c.chair";

const PEOPLE: &str = "SELECT string_agg(concat_ws(':', p.code, c.code), ' ' ORDER BY p.code)
    FROM people AS p LEFT JOIN clubs AS c ON c.id = p.club";

/// A file of a table with a key `code` or `slug`: rows of a key and another column as TOML.
fn file(table: &str, key: &str, rows: &[(&str, &str)]) -> String {
    let row = |(value, more): &(&str, &str)| format!("[[rows]]\n{key} = \"{value}\"\n{more}\n");
    format!("table = \"{table}\"\nkey = [\"{key}\"]\n{}", rows.iter().map(row).collect::<String>())
}

fn lookup(column: &str, table: &str, key: &str, value: &str) -> String {
    format!("{column} = {{ sql = \"(SELECT id FROM {table} WHERE {key} = '{value}')\" }}")
}

/// Seeds by the command, and in another database by the statements for an editor, twice.
#[track_caller]
fn both_ways(schema: &str, files: &[(&str, &str)], question: &str, answer: &str) {
    let (project, database) = site_of(schema, files);
    seed(&project, &database, &[]).exit(0);
    assert_eq!(database.value(question), answer);
    let tables = files.iter().map(|(_, text)| text.lines().next().unwrap().trim_start_matches("table = "));
    for table in tables {
        settled(&project, &database, table.trim_matches('"'));
    }
    let (project, database) = site_of(schema, files);
    let script = ask(&project, &database, &["--sql"]).exit(0);
    database.psql(script.stdout());
    assert_eq!(database.value(question), answer, "{}", script.stdout());
    database.psql(script.stdout());
    assert_eq!(database.value(question), answer, "a second time");
    seed(&project, &database, &[]).exit(0).says("as declared already");
}

#[test]
fn rows_of_one_file_wait_for_those_that_they_look_up() {
    let parent = |slug| lookup("parent_id", "categories", "slug", slug);
    let (of_branch, of_root) = (parent("branch"), parent("root"));
    let rows = [("leaf", of_branch.as_str()), ("branch", of_root.as_str()), ("root", "name = \"it's {}\"")];
    let text = file("categories", "slug", &rows);
    both_ways(CATEGORIES, &[("categories.toml", &text)], TREE, "branch<root leaf<branch root");
    let keyed =
        format!("{CATEGORIES}ALTER TABLE categories ADD FOREIGN KEY (parent_id) REFERENCES categories;");
    both_ways(&keyed, &[("categories.toml", &text)], TREE, "branch<root leaf<branch root");
}

#[test]
fn tables_that_no_foreign_key_connects_come_in_the_order_of_their_lookups() {
    let chair = lookup("chair", "people", "code", "ann");
    let clubs = file("clubs", "code", &[("chess", &chair)]);
    let people = file("people", "code", &[("ann", ""), ("bob", "")]);
    both_ways(CLUB, &[("a.toml", &clubs), ("b.toml", &people)], CLUBS, "chess:ann");
    // One that always has an answer is not evaluated too early either.
    let counts = "chair = { sql = \"coalesce((SELECT max(id) FROM public.people), -1) -- all of them\" }";
    let clubs = file("clubs", "code", &[("chess", counts)]);
    both_ways(CLUB, &[("a.toml", &clubs), ("b.toml", &people)], CLUBS, "chess:bob");
}

#[test]
fn rows_of_two_tables_wait_for_each_other() {
    let (ann, chess) = (lookup("chair", "people", "code", "ann"), lookup("club", "clubs", "code", "chess"));
    let clubs = file("clubs", "code", &[("bowling", &ann), ("chess", "")]);
    let people = file("people", "code", &[("ann", &chess), ("bob", "")]);
    let files = [("a.toml", clubs.as_str()), ("b.toml", people.as_str())];
    both_ways(CLUB, &files, CLUBS, "bowling:ann chess");
    both_ways(CLUB, &files, PEOPLE, "ann:chess bob");
}

#[test]
fn a_row_that_another_one_references_comes_first_although_it_looks_something_up() {
    let schema = format!(
        "{CATEGORIES}CREATE TABLE public.items (code text PRIMARY KEY, category bigint,
         part_of text REFERENCES public.items (code));"
    );
    let categories = file("categories", "slug", &[("tools", "")]);
    let category = lookup("category", "categories", "slug", "tools");
    let items =
        file("items", "code", &[("head", "part_of = \"hammer\""), ("hammer", &category), ("nail", "")]);
    both_ways(
        &schema,
        &[("a_items.toml", &items), ("b_categories.toml", &categories)],
        "SELECT string_agg(concat_ws(':', code, part_of, category IS NOT NULL), ' ' ORDER BY code) FROM items",
        "hammer:t head:hammer:f nail:f",
    );
}

/// A row that refers to another one by a default or an expression waits for it, as by a value.
#[test]
fn a_row_that_another_one_references_by_a_default_or_an_expression_comes_first() {
    let schema = format!(
        "{CATEGORIES}CREATE TABLE public.items (code text PRIMARY KEY, category bigint,
         part_of text DEFAULT 'hammer' REFERENCES public.items (code),
         size int GENERATED ALWAYS AS (1) STORED);"
    );
    let categories = file("categories", "slug", &[("tools", "")]);
    let category = lookup("category", "categories", "slug", "tools");
    let (expression, none) = ("part_of = { sql = \"lower('HAMMER')\" }", "part_of = { sql = \"NULL\" }");
    let looked_up = "part_of = { sql = \"(SELECT code FROM items WHERE code = 'hammer')\" }";
    let items = file(
        "items",
        "code",
        &[
            ("grip", ""),
            ("head", expression),
            ("hammer", &format!("{category}\n{none}")),
            ("nail", looked_up),
        ],
    );
    both_ways(
        &schema,
        &[("a_items.toml", &items), ("b_categories.toml", &categories)],
        "SELECT string_agg(concat_ws(':', code, part_of, category IS NOT NULL), ' ' ORDER BY code) FROM items",
        "grip:hammer:f hammer:t head:hammer:f nail:hammer:f",
    );
    // What is not there in the end is told.
    let rows = [("grip", ""), ("nut", category.as_str())];
    let (project, database) =
        site_of(&schema, &[("a.toml", &file("items", "code", &rows)), ("b.toml", &categories)]);
    seed(&project, &database, &[]).exit(2).says([
        "a row of schema/seeds/ needs one that does not exist",
        "schema/seeds/a.toml:3: Key (part_of)=(hammer) is not present in table \"items\"",
        "schema/seeds/a.toml:6: Key (part_of)=(hammer)",
        "nothing was changed",
    ]);
    // A trigger that rewrites such a row is told as one of any row.
    let rewriting = format!(
        "{schema}CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.code = 'grip' THEN NEW.category := 4; END IF; RETURN NEW; END $$;
         CREATE TRIGGER other BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION other();"
    );
    let rewritten = items.replace("code = \"grip\"", "code = \"grip\"\ncategory = 3");
    let (project, database) = site_of(&rewriting, &[("a.toml", &rewritten), ("b.toml", &categories)]);
    seed(&project, &database, &[])
        .exit(5)
        .says("a trigger or a rule writes category otherwise than declared");
    // Another foreign key says what it always says.
    let other = format!(
        "{schema}CREATE TABLE public.makers (code text PRIMARY KEY);
         ALTER TABLE items ADD maker text DEFAULT 'acme' REFERENCES makers (code);"
    );
    let (project, database) = site_of(&other, &[("a.toml", &items), ("b.toml", &categories)]);
    seed(&project, &database, &[]).exit(5).says("is not present in table \"makers\"");
}

/// The command and the statements for an editor fail alike, and nothing stays.
#[track_caller]
fn refused(schema: &str, files: &[(&str, &str)], code: i32, words: &[&str]) {
    let (project, database) = site_of(schema, files);
    let tables = "SELECT (SELECT count(*) FROM clubs) + (SELECT count(*) FROM people)";
    seed(&project, &database, &[]).exit(code).says(words).says("nothing was changed");
    assert_eq!(database.value(tables), "0");
    let script = ask(&project, &database, &["--sql"]).exit(0);
    database.try_psql(script.stdout()).exit(3).says(words);
    assert_eq!(database.value(tables), "0");
}

#[test]
fn rows_that_wait_for_each_other_for_ever_are_told() {
    let (ann, chess) = (lookup("chair", "people", "code", "ann"), lookup("club", "clubs", "code", "chess"));
    let clubs = file("clubs", "code", &[("chess", &ann), ("golf", "")]);
    let people = file("people", "code", &[("ann", &chess)]);
    let words = [
        "wait for each other (a cycle)",
        "schema/seeds/a.toml:5: chair: finds no row: (SELECT id FROM people WHERE code = 'ann')",
        "schema/seeds/b.toml:5: club: finds no row",
    ];
    refused(CLUB, &[("a.toml", &clubs), ("b.toml", &people)], 2, &words);
}

#[test]
fn a_lookup_that_finds_nothing_is_told() {
    let chair = lookup("chair", "people", "code", "ann");
    let clubs = file("clubs", "code", &[("chess", &chair), ("golf", "")]);
    let people = file("people", "code", &[("bob", "")]);
    let line = "schema/seeds/a.toml:5: chair: finds no row: (SELECT id FROM people WHERE code = 'ann')";
    // The project's own rows have to provide it.
    refused(CLUB, &[("a.toml", &clubs), ("b.toml", &people)], 2, &[line]);
    // The database lacks it.
    refused(CLUB, &[("a.toml", &clubs)], 5, &[line]);
    // An expression around a query finds nothing when it is NULL.
    let around = clubs.replace("(SELECT", "-(SELECT");
    refused(CLUB, &[("a.toml", &around)], 5, &["a.toml:5: chair: finds no row: -(SELECT"]);
}

#[test]
fn a_row_that_is_found_may_have_null() {
    let highest = "chair = { sql = \"(SELECT max(id) FROM people)\" }";
    let club = "chair = { sql = \"SELECT club FROM people WHERE code = 'bob'\" }";
    let clubs = file("clubs", "code", &[("chess", highest)]);
    both_ways(CLUB, &[("a.toml", &clubs)], CLUBS, "chess");
    let clubs = file("clubs", "code", &[("chess", club)]);
    let people = file("people", "code", &[("bob", "")]);
    both_ways(CLUB, &[("a.toml", &clubs), ("b.toml", &people)], CLUBS, "chess");
}

#[test]
fn a_lookup_that_is_set_on_change_is_told_too() {
    let text = |name: &str| {
        let rows = file("categories", "slug", &[("root", &format!("name = \"{name}\""))]);
        let looked_up = lookup("parent_id", "categories", "slug", "no such");
        rows.replacen("[[rows]]", &format!("on_change = {{ {looked_up} }}\n[[rows]]"), 1)
    };
    let (project, database) = site_of(CATEGORIES, &[("categories.toml", &text("one"))]);
    seed(&project, &database, &[]).exit(0);
    write(&project, &[("categories.toml", &text("two"))]);
    seed(&project, &database, &[]).exit(2).says("schema/seeds/categories.toml:3: parent_id: finds no row");
    assert_eq!(database.value("SELECT name FROM categories"), "one");
}

#[test]
fn an_expression_that_is_wrong_is_told_before_anything_is_written() {
    let wrong = "chair = { sql = \"(SELECT id FROM persons WHERE code = 'ann')\" }";
    let clubs = file("clubs", "code", &[("chess", wrong)]);
    let (project, database) = site_of(CLUB, &[("a.toml", &clubs)]);
    seed(&project, &database, &[]).exit(2).says([
        "schema/seeds/a.toml:5: chair: ",
        "relation \"persons\" does not exist",
        "trueup upgrade",
    ]);
    assert_eq!(database.value("SELECT to_regclass('trueup.runs') IS NULL"), "t");
    // Whatever the server calls wrong about it, and whatever is asked for with it.
    for (wrong, said) in [
        ("(SELECT id FROM people WHERE id = 'ann')", "invalid input syntax for type bigint"),
        ("(SELECT id FROM people WHERE id = '99999999999999999999')", "out of range"),
        ("(SELECT id FROM elsewhere.public.people)", "cross-database references are not implemented"),
        ("(SELECT id FROM nowhere.people)", "does not exist"),
        ("(SELECT id FROM people) +", "syntax error"),
    ] {
        let right = lookup("chair", "people", "code", "bob");
        let wrong = format!("chair = {{ sql = \"{wrong}\" }}");
        let clubs = file("clubs", "code", &[("chess", &right), ("golf", &wrong), ("rugby", &right)]);
        let (project, database) = site_of(CLUB, &[("a.toml", &clubs)]);
        seed(&project, &database, &[]).case(&wrong).exit(2).says(["schema/seeds/a.toml:8: chair: ", said]);
    }
}

#[test]
fn a_row_that_the_table_refuses_is_named() {
    let people = file("people", "code", &[("bob", "")]);
    let chair = lookup("chair", "people", "code", "bob");
    let clubs = file("clubs", "code", &[("chess", &chair), ("golf", &chair)]);
    let schema = format!("{CLUB}ALTER TABLE clubs ADD CHECK (code <> 'golf');");
    let (project, database) = site_of(&schema, &[("a.toml", &clubs), ("b.toml", &people)]);
    seed(&project, &database, &[]).exit(5).says("schema/seeds/a.toml:6: public.clubs[code=golf]");
    assert_eq!(database.value("SELECT count(*) FROM clubs"), "0");
}

/// A trigger that gives rows keys of its own must not keep the rows coming for ever.
#[test]
fn a_trigger_that_gives_rows_other_keys_is_told() {
    let schema = format!(
        "{CLUB}CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.code := 'c' || NEW.id; RETURN NEW; END $$;
         CREATE TRIGGER other BEFORE INSERT ON clubs FOR EACH ROW EXECUTE FUNCTION other();"
    );
    let people = file("people", "code", &[("bob", "")]);
    let clubs = file("clubs", "code", &[("chess", &lookup("chair", "people", "code", "bob"))]);
    let (project, database) = site_of(&schema, &[("a.toml", &clubs), ("b.toml", &people)]);
    seed(&project, &database, &[]).exit(5).says("public.clubs[code=chess]");
    assert_eq!(database.value("SELECT count(*) FROM clubs"), "0");
}

/// What fails once the rows are written leaves the session as it was: the end of the run is recorded.
#[test]
fn a_lookup_that_is_wrong_after_the_rows_were_written_leaves_no_unfinished_run() {
    let schema = format!(
        "{CLUB}CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN DELETE FROM public.clubs; ALTER TABLE public.people RENAME TO persons; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER vanish AFTER INSERT ON clubs DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION vanish();"
    );
    let clubs = file("clubs", "code", &[("chess", &lookup("chair", "people", "code", "ann"))]);
    let (project, database) = site_of(&schema, &[("a.toml", &clubs)]);
    database.exec("INSERT INTO people (code) VALUES ('ann')");
    seed(&project, &database, &[])
        .exit(2)
        .says(["the rows are written and recorded", "relation \"people\" does not exist"]);
    assert_eq!(database.value("SELECT count(*) FROM trueup.runs WHERE ended_at IS NULL"), "0");
}

/// A site of clubs that look up people by different kinds of expressions.
fn many_clubs(count: usize) -> (Project, TestDatabase) {
    let kinds = |number: usize| match number % 3 {
        0 => lookup("chair", "people", "code", &format!("p{number}")),
        1 => format!("chair = {{ sql = \"coalesce((SELECT max(id) FROM people), {number})\" }}"),
        _ => format!("chair = {{ sql = \"(SELECT {number}) + (SELECT count(*) FROM people)\" }}"),
    };
    let rows: Vec<(String, String)> =
        (0..count).map(|number| (format!("c{number:04}"), kinds(number))).collect();
    let rows: Vec<(&str, &str)> = rows.iter().map(|(code, more)| (code.as_str(), more.as_str())).collect();
    let clubs = file("clubs", "code", &rows);
    let codes: Vec<String> = (0..count).step_by(3).map(|number| format!("p{number}")).collect();
    let people: Vec<(&str, &str)> = codes.iter().map(|code| (code.as_str(), "")).collect();
    let people = file("people", "code", &people);
    site_of(CLUB, &[("a.toml", &clubs), ("b.toml", &people)])
}

/// How many messages of `trueup seed` ask what lookups read, and how many insert rows into clubs.
fn messages(project: &Project, database: &TestDatabase) -> (usize, usize) {
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let counted = Arc::clone(&counts);
    let proxy = Proxy::start(database, move |_, sql| {
        for (count, words) in counted.iter().zip(["PREPARE trueup_lookup", "INTO public.clubs"]) {
            count.fetch_add(usize::from(sql.contains(words)), Ordering::SeqCst);
        }
        Then::Forward
    });
    project.trueup(["seed", "--yes"], &proxy.url(database)).exit(0);
    let [asked, inserted] = [0, 1].map(|number: usize| counts[number].load(Ordering::SeqCst));
    (asked, inserted)
}

/// Many lookups are asked for in few messages, whatever is among them, and their rows are inserted in one.
#[test]
fn many_lookups_are_asked_for_together() {
    // They are asked for at each of up to three plannings; how many there are follows from what else the server does.
    let (project, database) = many_clubs(6);
    let (asked, inserted) = messages(&project, &database);
    assert!((1..=3).contains(&asked) && inserted == 1, "{asked} {inserted}");
    let (project, database) = many_clubs(1_200);
    // Each message asks for 500 of them.
    let (asked, inserted) = messages(&project, &database);
    assert!([3, 6, 9].contains(&asked) && inserted == 1, "{asked} {inserted}");
    let right = "SELECT count(*) FILTER (WHERE chair = CASE substr(code, 2)::int % 3
        WHEN 0 THEN (SELECT id FROM people AS p WHERE p.code = 'p' || substr(c.code, 2)::int)
        WHEN 1 THEN (SELECT max(id) FROM people)
        ELSE substr(code, 2)::int + (SELECT count(*) FROM people) END) FROM clubs AS c";
    assert_eq!(database.value(right), "1200");
}

/// The operators of a project that come before those of PostgreSQL are for its own expressions alone.
#[test]
fn what_is_told_of_lookups_calls_no_operator_of_the_project() {
    let rows: Vec<(&str, &str)> =
        ["chess", "golf"].map(|code| (code, "chair = { sql = \"(SELECT id FROM people)\" }")).into();
    let (project, database) = site_of(CLUB, &[("a.toml", &file("clubs", "code", &rows))]);
    database.exec(
        "CREATE FUNCTION same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$;
         CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = same);
         CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = same)",
    );
    settings(&project, "[database]\nsearch_path = \"public, pg_catalog, pg_temp\"\n");
    seed(&project, &database, &[])
        .exit(5)
        .says(["a.toml:5: chair: finds no row", "a.toml:8: chair"])
        .lacks("called");
}

/// Only the rows that need others are inserted one by one, however many rows the file has.
#[test]
fn rows_that_need_no_other_one_are_inserted_at_once() {
    let schema = format!(
        "{CLUB}ALTER TABLE people ADD COLUMN friend text REFERENCES people (code);
        ALTER TABLE clubs ADD COLUMN note text DEFAULT 'none';"
    );
    let codes: String = (0..2_000).map(|number| format!("c{number:04}\n")).collect();
    let chess = format!("{}note = \"n\"\n", lookup("chair", "people", "code", "bob") + "\n");
    let clubs = file("clubs", "code", &[("chess", &chess), ("golf", "note = \"g\"")]);
    let clubs = clubs.replacen('\n', "\ncsv = \"clubs.csv\"\n", 1);
    let people = [("ann", "friend = \"bob\""), ("bob", &*lookup("club", "clubs", "code", "golf"))];
    let people = file("people", "code", &people);
    let files = [("a.toml", clubs.as_str()), ("b.toml", people.as_str())];
    let (project, database) = site_of(&schema, &files);
    write(&project, &[("clubs.csv", &format!("code\n{codes}"))]);
    let script = ask(&project, &database, &["--sql"]).exit(0);
    assert_eq!(script.stdout().matches("IF NOT EXISTS").count(), 3, "chess, ann and bob");
    let right = "SELECT concat_ws(' ', (SELECT count(*) FROM clubs WHERE note = 'none'),
        (SELECT c.note || p.code || f.code FROM clubs AS c JOIN people AS p ON p.id = c.chair JOIN people AS f ON f.friend = p.code))";
    seed(&project, &database, &[]).exit(0);
    assert_eq!(database.value(right), "2000 nbobann");
    database.exec("DELETE FROM people; DELETE FROM clubs");
    database.psql(script.stdout());
    assert_eq!(database.value(right), "2000 nbobann");
    database.psql(script.stdout());
    assert_eq!(database.value(right), "2000 nbobann", "a second time");
}
