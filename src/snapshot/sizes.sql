-- How large relations are, by what VACUUM and ANALYZE last noted: no table is opened, no lock taken. What they have never seen
-- is known where its file is empty: for that it is opened for a moment, unless somebody has locked it, or waits for that. A
-- partitioned table is as large as its partitions together.
WITH RECURSIVE named AS (
    {named}),
locked AS MATERIALIZED (
    SELECT l.relation FROM pg_locks l
    WHERE l.mode = 'AccessExclusiveLock'
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())),
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
           bool_and(CASE WHEN c.reltuples >= 0 THEN true
                         WHEN c.relkind NOT IN ('r', 'm') OR c.relpersistence <> 'p' OR c.relpages > 0 THEN false
                         WHEN EXISTS (SELECT FROM locked WHERE locked.relation = c.oid) THEN false
                         ELSE COALESCE(pg_relation_size(c.oid) = 0, false) END) AS known,
           sum(GREATEST(c.reltuples, 0)::float8)::int8 AS rows,
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
