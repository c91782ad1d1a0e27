-- The foreign keys and checks of tables, with those of the domains of their columns.
SELECT k.conrelid::int8 AS relation, k.contype::text AS kind, k.conname,
       (SELECT pg_catalog.string_agg(k.conkey[i]::text, ' ' ORDER BY i)
          FROM pg_catalog.generate_subscripts(k.conkey, 1) i) AS columns,
       CASE WHEN c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, c.relname) END AS referenced,
       (SELECT pg_catalog.string_agg(a.attname, E'\n' ORDER BY i)
          FROM pg_catalog.generate_subscripts(k.confkey, 1) i
          JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[i]) AS referenced_columns,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = ANY (ARRAY[{oids}]::oid[]) AND k.contype IN ('f', 'c')
UNION ALL
SELECT a.attrelid::int8, 'c', k.conname, a.attnum::text, NULL, NULL, pg_catalog.pg_get_constraintdef(k.oid)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_constraint k ON k.contypid = a.atttypid
WHERE a.attrelid = ANY (ARRAY[{oids}]::oid[]) AND a.attnum > 0
ORDER BY relation, kind, conname
