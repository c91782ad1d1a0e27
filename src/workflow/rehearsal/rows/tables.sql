-- The tables of these names, and those that they refer to.
WITH RECURSIVE wanted AS (
    SELECT c.oid FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND pg_catalog.format('%I.%I', n.nspname, c.relname) = ANY (ARRAY[{names}]::text[])
  UNION
    SELECT k.confrelid FROM wanted JOIN pg_catalog.pg_constraint k ON k.conrelid = wanted.oid AND k.contype = 'f')
SELECT c.oid::int8 AS oid, n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
       CASE WHEN c.relispartition THEN (
           SELECT pg_catalog.format('%I.%I', m.nspname, r.relname)
           FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
           WHERE r.oid = pg_catalog.pg_partition_root(c.oid)) END AS root
FROM wanted
JOIN pg_catalog.pg_class c ON c.oid = wanted.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY name
