-- The checks of tables and domains that call functions of the database.
SELECT quote_ident(c.conname) AS name,
       CASE WHEN c.contypid = 0 THEN 'TABLE ' || c.conrelid::regclass ELSE 'DOMAIN ' || c.contypid::regtype END AS of,
       CASE WHEN c.contypid = 0 THEN c.conrelid::regclass::text ELSE 'DOMAIN ' || c.contypid::regtype END AS commented,
       pg_get_constraintdef(c.oid) AS definition, obj_description(c.oid, 'pg_constraint') AS comment
  FROM pg_constraint c
 WHERE c.contype = 'c' AND c.convalidated AND c.coninhcount = 0
   AND EXISTS (
       SELECT FROM pg_depend d
        WHERE d.classid = 'pg_constraint'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_proc'::regclass)
 ORDER BY c.oid
