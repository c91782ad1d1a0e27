-- How large relations are, by what VACUUM and ANALYZE last noted: no table is opened, no lock taken. A partitioned table
-- is as large as its partitions together.
WITH RECURSIVE named AS (
    SELECT p.path, c.oid, c.relkind
    FROM unnest(ARRAY[{paths}]) AS p(path)
    CROSS JOIN LATERAL parse_ident(p.path) AS parts
    JOIN pg_namespace n ON n.nspname = parts[1]
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = parts[2]),
tree AS (
    SELECT named.path, named.oid, named.relkind FROM named
  UNION
    SELECT tree.path, c.oid, c.relkind
    FROM tree
    JOIN pg_inherits i ON i.inhparent = tree.oid AND tree.relkind = 'p'
    JOIN pg_class c ON c.oid = i.inhrelid)
SELECT tree.path, sum(c.reltuples::float8)::int8 AS rows,
       sum(c.relpages::int8 + COALESCE(toast.relpages, 0)) * current_setting('block_size')::int8 AS bytes
FROM tree
JOIN pg_class c ON c.oid = tree.oid
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
WHERE c.relkind <> 'p'
GROUP BY tree.path
-- Never analyzed: -1.
HAVING bool_and(c.reltuples >= 0)
