-- How large relations are, by what VACUUM and ANALYZE last noted: no table is opened, no lock taken. A partitioned table
-- is as large as its partitions together.
WITH RECURSIVE named AS (
    {named}),
tree AS (
    SELECT named.oid AS top, named.oid, named.relkind FROM named
  UNION
    SELECT tree.top, c.oid, c.relkind
    FROM tree
    JOIN pg_inherits i ON i.inhparent = tree.oid AND tree.relkind = 'p'
    JOIN pg_class c ON c.oid = i.inhrelid),
sized AS (
    SELECT tree.top,
           -- Never analyzed: -1.
           bool_and(c.reltuples >= 0) AS known,
           sum(c.reltuples::float8)::int8 AS rows,
           sum(c.relpages::int8 + COALESCE(toast.relpages, 0)) * current_setting('block_size')::int8 AS bytes,
           COALESCE(sum(indexes.pages)::int8, 0) * current_setting('block_size')::int8 AS index_bytes
    FROM tree
    JOIN pg_class c ON c.oid = tree.oid
    LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
    CROSS JOIN LATERAL (
        SELECT sum(i.relpages::int8) AS pages
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes
    WHERE c.relkind NOT IN ('p', 'I')
    GROUP BY tree.top)
SELECT named.path, named.schema, named.name, named.relkind = 'i' AS is_index, named.relkind = 'p' AS partitioned,
       COALESCE(sized.known, false) AS known, sized.rows, sized.bytes, sized.index_bytes
FROM named
LEFT JOIN sized ON sized.top = named.oid
