-- Range types.
SELECT t.oid, t.typnamespace, t.typname
     , pg_get_userbyid(t.typowner)  --? owners
     , NULL                         --? !owners
     , format_type(r.rngsubtype, NULL), format_type(r.rngmultitypid, NULL)
     , CASE WHEN NOT o.opcdefault THEN o.opcname END, CASE WHEN NOT o.opcdefault THEN o.opcnamespace END
     , CASE WHEN r.rngcollation <> s.typcollation THEN r.rngcollation::regcollation END
     , nullif(r.rngcanonical, 0)::regproc, nullif(r.rngsubdiff, 0)::regproc
  FROM pg_range r
  JOIN pg_type t ON t.oid = r.rngtypid
  JOIN pg_type s ON s.oid = r.rngsubtype
  JOIN pg_opclass o ON o.oid = r.rngsubopc
 WHERE t.oid >= '16384'
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass::oid AND objid = t.oid      --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                  --? extensions
