-- Extensions that initdb did not make.
SELECT e.oid, e.extname, e.extversion, n.nspname
     , pg_get_userbyid(e.extowner)  --? owners
     , NULL                         --? !owners
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.oid >= '16384'
