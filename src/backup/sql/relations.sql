-- The relations that pg_dump dumps: whether rows of their own are in the dump is told by the last column. Not those that
-- belong to an extension, whose rows only the extension itself asks to be dumped.
SELECT c.oid, n.nspname, c.relname, c.relkind = 'r'
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (
         SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)
 ORDER BY c.oid
