-- What somebody has made in this database: nothing of it is in a new one.
WITH own AS (
  SELECT n.oid, n.nspname
    FROM pg_namespace n
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
)
SELECT what
  FROM (
    SELECT CASE WHEN c.relkind IN ('r', 'p') THEN 0 ELSE 1 END AS rank, CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence '
             WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || format('%I.%I', own.nspname, c.relname) AS what
      FROM pg_class c JOIN own ON own.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
       AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 2, 'function ' || format('%I.%I', own.nspname, p.proname)
      FROM pg_proc p JOIN own ON own.oid = p.pronamespace
     WHERE NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 3, 'type ' || format('%I.%I', own.nspname, t.typname)
      FROM pg_type t JOIN own ON own.oid = t.typnamespace
     WHERE (t.typtype IN ('d', 'e', 'r') OR t.typtype = 'c' AND EXISTS (
             SELECT FROM pg_class k WHERE k.oid = t.typrelid AND k.relkind = 'c'))
       AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 4, 'schema ' || quote_ident(own.nspname) FROM own WHERE own.nspname <> 'public'
    UNION ALL
    SELECT 5, 'large object ' || l.oid FROM pg_largeobject_metadata l
  ) AS found
 ORDER BY rank, what
 LIMIT 4
