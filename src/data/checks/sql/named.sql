-- The relations and functions that the words of a check's queries may name. Views and SQL-standard bodies are followed. The
-- words, and the oid of the check's table or 0, are put in where they are named in braces; never in a comment, which a word
-- may end.
WITH RECURSIVE path AS (
    SELECT COALESCE(array_agg(n.oid), '{}') AS schemas FROM unnest({schemas}::text[]) AS s (name)
      JOIN pg_namespace n ON n.nspname = CASE s.name WHEN '$user' THEN CURRENT_USER ELSE s.name END
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
    SELECT next.class, next.oid
      FROM named
     CROSS JOIN LATERAL (
           SELECT d.refclassid, d.refobjid
             FROM pg_rewrite r
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE named.class = 'pg_class'::regclass AND r.ev_class = named.oid
           UNION ALL
           -- A SECURITY DEFINER function reads with the rights of its owner.
           SELECT d.refclassid, d.refobjid
             FROM pg_proc p
             JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'n'
            WHERE named.class = 'pg_proc'::regclass AND p.oid = named.oid
              AND (d.refclassid = 'pg_proc'::regclass OR NOT p.prosecdef)) AS next (class, oid)
     WHERE next.class IN ('pg_class'::regclass, 'pg_proc'::regclass) AND next.oid >= 16384
)
