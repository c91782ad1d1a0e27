-- The columns of tables that a rehearsal fills: the type under a domain, the labels of an enum, the longest text.
WITH RECURSIVE under AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS type, a.atttypmod AS modifier
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = ANY (ARRAY[{oids}]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT under.attrelid, under.attnum, t.typbasetype, CASE WHEN t.typtypmod >= 0 THEN t.typtypmod ELSE under.modifier END
    FROM under JOIN pg_catalog.pg_type t ON t.oid = under.type AND t.typtype = 'd')
SELECT a.attrelid::int8 AS relation, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       t.typname AS base, t.typtype::text AS class, t.typcategory::text AS category,
       CASE WHEN t.typname IN ('varchar', 'bpchar', 'numeric') THEN under.modifier - 4 ELSE -1 END AS modifier,
       a.attnotnull OR EXISTS (
           SELECT FROM pg_catalog.pg_type d WHERE d.oid = a.atttypid AND d.typnotnull) AS required,
       a.attgenerated <> '' AS generated, a.atthasdef AS has_default,
       EXISTS (
           SELECT FROM pg_catalog.pg_index i
           WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS alone_unique,
       pg_catalog.pg_get_serial_sequence(pg_catalog.format('%I.%I', n.nspname, c.relname), a.attname) AS sequence
FROM under
JOIN pg_catalog.pg_type t ON t.oid = under.type AND t.typtype <> 'd'
JOIN pg_catalog.pg_attribute a ON a.attrelid = under.attrelid AND a.attnum = under.attnum
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY a.attrelid, a.attnum
