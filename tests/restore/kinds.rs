//! Every kind of object, hostile names, large objects, many rows: backed up and restored, catalog and rows equal.

use std::collections::BTreeSet;

use super::site::{Site, beside, checksum};
use crate::support::TestDatabase;

const EVERY_KIND: &str = include_str!("../fixtures/every_kind.sql");

/// Names that quoting must survive, in a schema of their own; tables of every sort with rows in them.
pub(crate) fn hostile(rows: u32) -> String {
    let longest = "n".repeat(63);
    let names = [
        "we\"ird",
        "new\nline",
        "per%cent *?[a-z]",
        "😀",
        "-dash",
        "semi;colon' quote",
        "COPY x FROM stdin;",
        &longest,
    ];
    let mut sql = "CREATE SCHEMA \"od\"\"d 😀\";\n".to_owned();
    for name in names {
        let name = name.replace('"', "\"\"");
        sql.push_str(&format!(
            "CREATE TABLE \"od\"\"d 😀\".\"{name}\" (\"{name}\" text, id bigint GENERATED ALWAYS AS IDENTITY, \
             twice bigint GENERATED ALWAYS AS (length(\"{name}\") * 2) STORED);\n\
             INSERT INTO \"od\"\"d 😀\".\"{name}\" (\"{name}\") VALUES (E'a\\n\\\\.\\nCOPY b FROM stdin;'), (NULL), (''), ('\\N');\n"
        ));
    }
    sql.push_str(&format!(
        "CREATE UNLOGGED TABLE public.unlogged (a int); INSERT INTO public.unlogged SELECT generate_series(1, 100);
         CREATE TABLE public.events (id bigint, at date NOT NULL, body text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
         CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
         CREATE TABLE public.events_2 PARTITION OF public.events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');
         INSERT INTO public.events SELECT n, date '2026-01-01' + (n % 365)::int, md5(n::text)
           FROM generate_series(1, {rows}) AS n;
         CREATE TABLE public.odd (f float8, n numeric, b bytea, j jsonb, a text[]);
         INSERT INTO public.odd VALUES ('NaN', 'NaN', '\\x00ff', '{{\"a\": null}}', '{{NULL,\"\",a}}'), ('Infinity', 1e100, '', 'null', NULL);
         SELECT lo_from_bytea(0, decode(repeat('00ff', 5000), 'hex')), lo_from_bytea(0, ''), lo_from_bytea(0, 'x');"
    ));
    sql
}

/// Backs it up and restores it, both ways, and compares.
pub(crate) fn comes_back(database: &TestDatabase, rows: u32) {
    database.exec(EVERY_KIND);
    database.exec(&hostile(rows));
    let before = checksum(database.url());
    assert!(before.iter().collect::<BTreeSet<_>>().len() > 20, "{before:?}");
    for (kind, into) in [("custom", "one"), ("directory", "many")] {
        let site = Site::new(&format!("format = \"{kind}\""));
        let bin = database.server.bin_dir.to_str().unwrap().to_owned();
        site.trueup(["backup", "--pg-bin", &bin], database).exit(0);
        let url = beside(database, &format!("{}_{into} \"q'\u{1F600}", database.name()));
        site.trueup(["restore", "latest", "--into", &url, "--yes", "--pg-bin", &bin], database)
            .exit(0)
            .says("schema and rows are those");
        assert_eq!(checksum(&url), before, "{kind}");
    }
}
