//! Tables that refer to each other.

use super::*;

const PARENT: &str = "CREATE TABLE public.parents (code text PRIMARY KEY, favourite text);";
const CHILD: &str = "CREATE TABLE public.children (code text PRIMARY KEY, parent text NOT NULL REFERENCES public.parents (code));";

fn rows(table: &str, columns: &str) -> String {
    format!("table = \"{table}\"\nkey = [\"code\"]\n[[rows]]\n{columns}\n")
}

#[test]
fn foreign_keys_decide_which_table_comes_first() {
    let child =
        rows("children", "code = \"c\"\nparent = { sql = \"(SELECT code FROM parents WHERE code = 'p')\" }");
    let (project, database) = site_of(
        &format!("{PARENT}{CHILD}"),
        &[("a_children.toml", &child), ("b_parents.toml", &rows("parents", "code = \"p\""))],
    );
    seed(&project, &database, &[]).exit(0).says("inserted 2 rows");
    assert_eq!(database.value("SELECT parent FROM children"), "p");
    settled(&project, &database, "children");
    let sql = ask(&project, &database, &["--sql"]).run().said();
    assert!(sql.find("parents").unwrap() < sql.find("INTO public.children").unwrap(), "{sql}");
}

#[test]
fn a_circle_is_refused_unless_a_key_of_it_can_wait() {
    let circle = |deferrable: &str| {
        format!(
            "{PARENT}{CHILD}ALTER TABLE public.parents ADD CONSTRAINT favourite FOREIGN KEY (favourite)
             REFERENCES public.children (code) {deferrable};"
        )
    };
    let files = [
        ("a_children.toml", rows("children", "code = \"c\"\nparent = \"p\"")),
        ("b_parents.toml", rows("parents", "code = \"p\"\nfavourite = \"c\"")),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let (project, database) = site_of(&circle(""), &files);
    seed(&project, &database, &[])
        .exit(2)
        .says("the foreign keys of public.children, public.parents form a cycle");
    assert_eq!(database.value("SELECT count(*) FROM parents"), "0");
    let (project, database) = site_of(&circle("DEFERRABLE"), &files);
    seed(&project, &database, &[]).exit(0).says("inserted 2 rows");
    settled(&project, &database, "parents");
}

#[test]
fn rows_of_one_table_that_refer_to_each_other_are_made_by_the_statements_for_an_editor_too() {
    let schema = "CREATE TABLE public.units (
        id int PRIMARY KEY, parent int REFERENCES public.units (id), name text, note text
    );";
    let rows = "table = \"units\"\nkey = [\"id\"]\n[[rows]]\nid = 2\nparent = 1\n[[rows]]\nid = 1\nname = \"root\"\n\
        [[rows]]\nid = 3\nname = \"other\"\n";
    let (project, database) = site_of(schema, &[("units.toml", rows)]);
    database.exec("INSERT INTO units (id, name, note) VALUES (3, 'old', 'kept')");
    let script = ask(&project, &database, &["--sql"]).run();
    database.psql(script.stdout());
    let all = "SELECT string_agg(concat_ws(':', id, parent, name, note), ' ' ORDER BY id) FROM units";
    assert_eq!(database.value(all), "1:root 2:1 3:other:kept");
    let before = versions(&database, "units");
    database.psql(script.stdout());
    assert_eq!(versions(&database, "units"), before);
    database.exec("DELETE FROM units");
    seed(&project, &database, &[]).exit(0).says("inserted 3 rows");
    settled(&project, &database, "units");
    // Where rows only have to be there, one statement makes them all.
    write(&project, &[("units.toml", &format!("mode = \"insert\"\n{rows}"))]);
    database.exec("DELETE FROM units");
    database.psql(ask(&project, &database, &["--sql"]).run().stdout());
    assert_eq!(database.value(all), "1:root 2:1 3:other");
}
