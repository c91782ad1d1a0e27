//! What is printed once for all that have it is what the server prints of each.

use std::collections::BTreeMap;

use trueup::postgres::catalog::reader::{ReadOptions, read};
use trueup::postgres::catalog::{Attribute, Kind, Object};

use crate::support;

/// Trees that differ in nothing, in places alone, in names alone, in numbers alone, and where they look like a place.
const DDL: &str = r#"
    CREATE TABLE public.a (x integer DEFAULT 7, y integer DEFAULT    7, z text DEFAULT ':location 5',
        w text DEFAULT ':location 6', CHECK (x > 0), CHECK (y > 0), CHECK (tableoid > 0),
        CHECK (a.* IS NOT NULL));
    CREATE TABLE public.b (y integer, x integer DEFAULT 7, z text, CHECK (x > 0), CHECK ((((y)))   > 0),
        CHECK (b.* IS NOT NULL));
    CREATE TABLE public."C d" ("x y" integer, x bigint, CHECK ("x y" > 0), CHECK (x > 0),
        EXCLUDE USING btree (lower("x y"::text) WITH =) WHERE (x > 0));
    CREATE TABLE public.g (x integer, y integer, s integer GENERATED ALWAYS AS (x + 1) STORED);
    CREATE TABLE public.h (y integer, x integer, s integer GENERATED ALWAYS AS (y + 1) STORED,
        t integer GENERATED ALWAYS AS (x + 1) STORED);
    CREATE INDEX a_i ON public.a (lower(z), x, (y + 1)) WHERE x > 0;
    CREATE INDEX b_i ON public.b (lower(z), y, (x + 1)) WHERE x > 0;
    CREATE INDEX b_j ON public.b (x, lower(z), (y + 1)) WHERE y > 0;
    CREATE INDEX c_i ON public."C d" (abs("x y"), (x + 1)) WHERE x > 0;
    CREATE TABLE public.p (at date, n numeric(12,2) DEFAULT 0, m numeric(10,1) DEFAULT 0, c char, bare "char",
        k text COLLATE "C", e text) PARTITION BY RANGE (date_trunc('year', at::timestamp));
    ALTER TABLE public.p ALTER e SET STORAGE EXTERNAL;
    CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TYPE public.t AS (f numeric(4,1), g text COLLATE "C", h char(3));
    CREATE TABLE public.o OF public.t;
"#;

#[test]
fn what_is_printed_once_is_what_each_would_print() {
    let database = support::database();
    database.exec(DDL);
    let catalog = support::runtime().block_on(async {
        let mut session = database.connect().await;
        let reading = read(&mut session, database.server.version, &ReadOptions::default()).await.unwrap();
        session.close().await;
        reading.catalog
    });
    let mut found = BTreeMap::new();
    for object in &catalog.objects {
        let mut put = |what: &str, attribute| {
            let value = object.get(attribute).map(str::to_owned);
            found.extend(value.map(|value| (format!("{what} {}", name(object)), value)));
        };
        match object.id.kind {
            Kind::Column => {
                put("default", Attribute::Default);
                put("default", Attribute::Generated);
                put("type", Attribute::Type);
                put("collation", Attribute::Collation);
                put("storage", Attribute::Storage);
            }
            Kind::Check => put("check", Attribute::Expression),
            Kind::Exclusion => put("exclusion", Attribute::Definition),
            Kind::Index => {
                put("predicate", Attribute::Predicate);
                put("keys", Attribute::Columns);
            }
            Kind::Table => {
                put("partitions", Attribute::PartitionBy);
                put("bounds", Attribute::Bounds);
                put("of", Attribute::OfType);
            }
            Kind::CompositeType => put("fields", Attribute::Fields),
            _ => {}
        }
    }
    let told = database.query(SERVER).into_iter();
    let told: BTreeMap<String, String> = told
        .filter_map(|row| match &row[..] {
            [Some(what), Some(name), Some(text)] => Some((format!("{what} {name}"), text.clone())),
            _ => None,
        })
        .collect();
    assert!(told.len() > 60, "{told:#?}");
    assert_eq!(found, told);
}

fn name(object: &Object) -> String {
    let relation = object.id.relation.as_ref().map(|relation| format!("{relation}."));
    format!("{}{}", relation.unwrap_or_default(), object.id.name)
}

/// The same, each printed by the server alone.
const SERVER: &str = r#"
    WITH r AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    SELECT 'default', concat(relname, '.', attname), pg_get_expr(adbin, adrelid)
      FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum JOIN r ON r.oid = adrelid
    UNION ALL
    SELECT 'type', concat(relname, '.', attname), format_type(atttypid, atttypmod)
      FROM pg_attribute JOIN r ON r.oid = attrelid WHERE attnum > 0 AND relkind IN ('r', 'p')
    UNION ALL
    SELECT 'collation', concat(relname, '.', attname), attcollation::regcollation::text
      FROM pg_attribute JOIN r ON r.oid = attrelid JOIN pg_type t ON t.oid = atttypid
     WHERE attnum > 0 AND relkind IN ('r', 'p') AND attcollation <> typcollation
    UNION ALL
    SELECT 'storage', concat(relname, '.', attname), 'external'
      FROM pg_attribute JOIN r ON r.oid = attrelid
     WHERE attnum > 0 AND relkind IN ('r', 'p') AND attstorage = 'e'
    UNION ALL
    SELECT 'check', concat(relname, '.', conname), pg_get_expr(conbin, conrelid)
      FROM pg_constraint JOIN r ON r.oid = conrelid WHERE contype = 'c'
    UNION ALL
    SELECT 'exclusion', concat(relname, '.', conname), pg_get_constraintdef(c.oid)
      FROM pg_constraint c JOIN r ON r.oid = conrelid WHERE contype = 'x'
    UNION ALL
    SELECT 'predicate', relname, pg_get_expr(indpred, indrelid)
      FROM pg_index JOIN r ON r.oid = indexrelid WHERE NOT indisexclusion
    UNION ALL
    SELECT 'keys', relname, (SELECT string_agg(pg_get_indexdef(indexrelid, n, false), ', ' ORDER BY n)
                               FROM generate_series(1, indnkeyatts) AS n)
      FROM pg_index JOIN r ON r.oid = indexrelid WHERE NOT indisexclusion
    UNION ALL
    SELECT 'partitions', relname, pg_get_partkeydef(oid) FROM r WHERE relkind = 'p'
    UNION ALL
    SELECT 'bounds', relname, pg_get_expr(relpartbound, oid) FROM r WHERE relispartition
    UNION ALL
    SELECT 'of', relname, 'public.' || format_type(reloftype, NULL) FROM r WHERE reloftype <> 0
    UNION ALL
    SELECT 'fields', relname, (SELECT string_agg(concat(attname, ' ', format_type(atttypid, atttypmod),
               CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation::text END), ', '
               ORDER BY attnum) FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = r.oid)
      FROM r WHERE relkind = 'c'
"#;
