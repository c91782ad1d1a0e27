-- Enum types. Their labels are read before, without a subquery for each type: planning it costs more than all rows.
SELECT t.oid, t.typnamespace, t.typname
     , pg_get_userbyid(t.typowner)  --? owners
     , NULL                         --? !owners
  FROM pg_type t
 WHERE t.oid >= '16384' AND t.typtype = 'e'
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass::oid AND objid = t.oid      --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                  --? extensions
