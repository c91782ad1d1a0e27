//! Hostile names and rows, and every kind of relation that has rows, or none.

use super::site::Site;
use crate::support;

/// Names that could be taken for something else, rows that look like the end of rows, statements inside of names.
const HOSTILE: &str = r#"
CREATE TABLE public."we""ird" (id int); INSERT INTO public."we""ird" VALUES (1);
CREATE TABLE public."new
line" ("a
b" int); INSERT INTO public."new
line" VALUES (1), (2);
CREATE TABLE public."it's 😀 100%" (id int); INSERT INTO public."it's 😀 100%" VALUES (1);
CREATE TABLE public."--verbose" (id int); INSERT INTO public."--verbose" VALUES (1);
CREATE TABLE public."-t *.* ; \. \\" (id int); INSERT INTO public."-t *.* ; \. \\" VALUES (1);
CREATE TABLE public.äöü45678901234567890123456789012345678901234567890123456789 (id int);
CREATE TABLE public."select" ("from" int, " " int); INSERT INTO public."select" VALUES (1, 2);
CREATE TABLE public."x
COPY public.a (id) FROM stdin;
1
\.
" (id int);
CREATE SCHEMA "TABLE DATA"; CREATE TABLE "TABLE DATA"."TABLE DATA public a" (id int);
CREATE SEQUENCE public."s
COPY public.a (id) FROM stdin;
";
CREATE TABLE public.a (id int); INSERT INTO public.a VALUES (1);
COMMENT ON TABLE public.a IS E'x\nCOPY public.a (id) FROM stdin;\n1\n\\.\n';
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$ SELECT '
COPY public.a (id) FROM stdin;
1
\.
' $$;
CREATE TABLE public.rows (t text); INSERT INTO public.rows VALUES ('\.'), (E'\\.\n'), (E'a\nCOPY public.a (id) FROM stdin;\nb'), (NULL), (''), (E'\t\r\n\\.\r');
CREATE TABLE public.zero (); INSERT INTO public.zero DEFAULT VALUES; INSERT INTO public.zero DEFAULT VALUES;
CREATE TABLE public.generated (g int GENERATED ALWAYS AS (1) STORED); INSERT INTO public.generated DEFAULT VALUES;
CREATE TABLE public.dropped (a int, b int); INSERT INTO public.dropped VALUES (1, 2); ALTER TABLE public.dropped DROP COLUMN a;
CREATE TABLE public.parts (id int) PARTITION BY RANGE (id);
CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE public.part_2 PARTITION OF public.parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE public.part_2a PARTITION OF public.part_2 DEFAULT; INSERT INTO public.parts SELECT generate_series(0, 19);
CREATE TABLE public.parent (id int); CREATE TABLE public.child (more int) INHERITS (public.parent);
INSERT INTO public.parent VALUES (1); INSERT INTO public.child VALUES (2, 3), (4, 5);
CREATE UNLOGGED TABLE public.unlogged (id int); INSERT INTO public.unlogged VALUES (1);
CREATE TEMPORARY TABLE temporary (id int); INSERT INTO temporary VALUES (1);
CREATE MATERIALIZED VIEW public.mat AS SELECT * FROM public.a; CREATE MATERIALIZED VIEW public.mat_empty AS SELECT 1 WITH NO DATA;
CREATE VIEW public.v AS SELECT * FROM public.a;
CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE public.foreign_one (id int) SERVER nowhere;
CREATE TABLE public.ruled (id int); CREATE RULE none AS ON INSERT TO public.ruled DO INSTEAD NOTHING;
CREATE TYPE public.pair AS (a int, b int); CREATE TABLE public.typed OF public.pair; INSERT INTO public.typed VALUES (1, 2);
CREATE TABLE public.identity (id int GENERATED ALWAYS AS IDENTITY, t text); INSERT INTO public.identity (t) VALUES ('x');
SELECT lo_from_bytea(4711, decode(repeat('5c2e0a', 20000), 'hex'));
SELECT lo_from_bytea(4712, 'text');
COMMENT ON LARGE OBJECT 4711 IS E'x\nCOPY public.a (id) FROM stdin;\n1\n\\.\n';
COMMENT ON LARGE OBJECT 4712 IS E'x\nCOPY public.never_ends (id) FROM stdin;\n';
"#;

/// Tables with rows of their own: a partitioned one has none.
const WITH_ROWS: usize = 22;

#[test]
fn f43_hostile_names_and_rows_are_backed_up_and_verified() {
    let site = Site::of(HOSTILE);
    let role = format!("f43_{}\nCOPY public.a (id) FROM stdin;\n", std::process::id());
    site.database.exec(&format!(
        "CREATE ROLE \"{role}\"; GRANT SELECT ON LARGE OBJECT 4711 TO \"{role}\"; \
         ALTER LARGE OBJECT 4712 OWNER TO \"{role}\""
    ));
    for format in ["custom", "directory"] {
        site.settings(&format!("format = \"{format}\""));
        let ran = site.backup(&["--format", "json"]).run();
        if ran.code() != Some(0) {
            site.database.exec(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
        }
        let document = ran.exit(0).json();
        let backup = &document["backup"];
        let relations = backup["relations"].as_array().unwrap();
        let rows = |name: &str| {
            let found = relations.iter().find(|one| one["name"] == name);
            found.unwrap_or_else(|| panic!("no {name} in {relations:#?}"))["rows"].as_u64()
        };
        for (name, wanted) in [
            ("public.\"new\nline\"", Some(2)),
            ("public.a", Some(1)),
            ("public.rows", Some(6)),
            ("public.zero", Some(2)),
            ("public.generated", Some(1)),
            ("public.parts", None),
            ("public.part_1", Some(10)),
            ("public.part_2a", Some(10)),
            ("public.parent", Some(1)),
            ("public.child", Some(2)),
            ("public.unlogged", Some(1)),
            ("public.mat", None),
            ("public.foreign_one", None),
        ] {
            assert_eq!(rows(name), wanted, "{name}");
        }
        assert_eq!(relations.iter().filter(|one| one["rows"].is_u64()).count(), WITH_ROWS);
        site.backup(&["verify"]).exit(0).says("is OK: it was read in full");
    }
    site.database.exec(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
}

/// A table of an extension's, one that it has dumped, one in its schema that is not its own.
#[test]
fn tables_of_an_extension_are_backed_up_as_it_wants() {
    let site = Site::of(
        "CREATE SCHEMA s; CREATE EXTENSION dict_int;
         CREATE TABLE s.setting (id int); INSERT INTO s.setting VALUES (1), (2);
         CREATE TABLE s.hidden (id int); INSERT INTO s.hidden VALUES (1);
         ALTER EXTENSION dict_int ADD TABLE s.setting; ALTER EXTENSION dict_int ADD TABLE s.hidden;
         ALTER EXTENSION dict_int ADD SCHEMA s; CREATE TABLE s.users (id int); INSERT INTO s.users VALUES (1)",
    );
    // As pg_extension_config_dump does, which only an extension's script may call.
    site.database.exec(
        "UPDATE pg_extension SET extconfig = ARRAY['s.setting'::regclass::oid], extcondition = ARRAY['WHERE id > 1'] \
         WHERE extname = 'dict_int'",
    );
    for format in ["custom", "directory"] {
        site.settings(&format!("format = \"{format}\""));
        let taken = site.taken(&[]);
        let names: Vec<_> =
            taken["relations"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["s.users"]);
        site.backup(&["verify"]).exit(0).says("is OK");
    }
}

/// The archive is in the database's encoding.
#[test]
fn a_database_of_another_encoding_is_backed_up() {
    let site = Site::of("");
    let name = format!("latin_{}", std::process::id());
    site.database.exec(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let url = site.database.url().replace(site.database.name(), &name);
    support::try_query_at(
        &url,
        "CREATE TABLE public.\"Übergröße\" (id int); INSERT INTO public.\"Übergröße\" VALUES (1)",
    )
    .unwrap();
    let ran = site.backup_of(&url, &[]).run();
    let verified = site.backup_of(&url, &["verify"]).run();
    site.database.exec(&format!("DROP DATABASE {name}"));
    ran.exit(0).says("1 table with 1 row");
    verified.exit(0).says("is OK");
}
