-- Enum types and domains. Labels and constraints are read before, without a subquery for each type: planning it costs more
-- than all rows. A domain's base type is printed with the types of columns.
SELECT t.oid, t.typnamespace, t.typname
     , pg_get_userbyid(t.typowner)  --? owners
     , NULL                         --? !owners
     , t.typtype
     , t.typbasetype, t.typtypmod, t.typcollation, t.typstorage, t.typnotnull, pg_get_expr(t.typdefaultbin, 0)
  FROM pg_type t
 WHERE t.oid >= '16384' AND t.typtype IN ('e', 'd')
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass::oid AND objid = t.oid      --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                  --? extensions
