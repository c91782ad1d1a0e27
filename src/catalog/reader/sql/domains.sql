-- Domains with their constraints.
SELECT t.oid, t.typnamespace, t.typname
     , pg_get_userbyid(t.typowner)  --? owners
     , NULL                         --? !owners
     , format_type(t.typbasetype, t.typtypmod), t.typnotnull, pg_get_expr(t.typdefaultbin, 0)
     , CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation END
     , ARRAY(SELECT conname FROM pg_constraint WHERE contypid = t.oid AND contype = 'c' ORDER BY conname)
     , ARRAY(SELECT pg_get_constraintdef(oid) FROM pg_constraint
              WHERE contypid = t.oid AND contype = 'c' ORDER BY conname)
  FROM pg_type t
  JOIN pg_type b ON b.oid = t.typbasetype
 WHERE t.oid >= '16384' AND t.typtype = 'd'
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass::oid AND objid = t.oid      --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                  --? extensions
