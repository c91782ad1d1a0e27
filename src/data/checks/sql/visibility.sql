-- What the words of the checks' queries name: relations that this role may not read, or not wholly, and functions that
-- switch row security on for themselves. Views and SQL-standard bodies are followed. The words, and the oid of the check's
-- table or 0, are put in where they are named in braces; never in a comment, which a word may end.
WITH RECURSIVE path AS (
    SELECT COALESCE(array_agg(n.oid), '{}') AS schemas FROM unnest({schemas}::text[]) AS s (name) JOIN pg_namespace n ON n.nspname = s.name
), named AS (
    SELECT 'pg_class'::regclass AS class, c.oid
      FROM pg_class c
     WHERE (c.relname = ANY ({words}::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND (c.relnamespace = ANY ((SELECT schemas FROM path)::oid[])
                 OR EXISTS (SELECT FROM pg_namespace n WHERE n.oid = c.relnamespace AND n.nspname = ANY ({words}::text[])))
            AND c.relnamespace <> 'pg_catalog'::regnamespace)
        OR c.oid = '{table}'
    UNION
    SELECT 'pg_proc'::regclass, p.oid
      FROM pg_proc p
     WHERE p.proname = ANY ({words}::text[]) AND p.pronamespace <> 'pg_catalog'::regnamespace
    UNION
    SELECT d.refclassid, d.refobjid
      FROM named
      JOIN pg_rewrite r ON r.ev_class = named.oid AND named.class = 'pg_class'::regclass
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
     WHERE d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass) AND d.refobjid >= 16384
)
SELECT 'right' AS kind, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, NULL AS detail
  FROM named JOIN pg_class c ON c.oid = named.oid AND named.class = 'pg_class'::regclass
  JOIN pg_namespace n ON n.oid = c.relnamespace
 -- Through a view its owner reads.
 WHERE NOT has_schema_privilege(n.oid, 'USAGE')
    OR NOT has_table_privilege(c.oid, 'SELECT') AND NOT has_any_column_privilege(c.oid, 'SELECT')
       AND (c.relname = ANY ({words}::text[]) OR c.oid = '{table}')
UNION ALL
SELECT 'policy', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       (SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid)
  FROM named JOIN pg_class c ON c.oid = named.oid AND named.class = 'pg_class'::regclass
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity AND row_security_active(c.oid)
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       (SELECT option FROM unnest(p.proconfig) AS o (option) WHERE option ~* '^row_security=' LIMIT 1)
  FROM named JOIN pg_proc p ON p.oid = named.oid AND named.class = 'pg_proc'::regclass
 WHERE EXISTS (SELECT FROM unnest(p.proconfig) AS o (option)
                WHERE option ~* '^row_security=' AND option !~* '^row_security=(off|false|no|0|f|n)$')
   AND EXISTS (SELECT FROM pg_class c WHERE c.relrowsecurity)
 ORDER BY 1, 2
