-- The keys of partitioned tables, with the bounds that they have on the way to one partition: the last by its name at each step,
-- and never a default one.
WITH RECURSIVE way AS (
    SELECT c.oid AS root, c.oid AS at, 0 AS depth
    FROM pg_catalog.pg_class c
    WHERE c.oid = ANY (ARRAY[{oids}]::oid[]) AND c.relkind = 'p' AND NOT c.relispartition
  UNION ALL
    SELECT way.root, child.inhrelid, way.depth + 1
    FROM way
    CROSS JOIN LATERAL (
        SELECT i.inhrelid
        FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid
        WHERE i.inhparent = way.at AND pg_catalog.pg_get_expr(p.relpartbound, p.oid) <> 'DEFAULT'
        ORDER BY p.relname DESC LIMIT 1) child)
SELECT way.root::int8 AS relation, a.attname, key.number, pg_catalog.pg_get_expr(p.relpartbound, p.oid) AS bound
FROM way
JOIN pg_catalog.pg_class p ON p.oid = way.at
JOIN pg_catalog.pg_inherits i ON i.inhrelid = p.oid
JOIN pg_catalog.pg_partitioned_table t ON t.partrelid = i.inhparent
CROSS JOIN LATERAL unnest(t.partattrs::int2[]) WITH ORDINALITY AS key(attnum, number)
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.partrelid AND a.attnum = key.attnum
WHERE way.depth > 0
ORDER BY way.root, way.depth, key.number
