-- The relations that pg_dump dumps, and whether the dump has rows of their own. Relations of an extension are left out:
-- their rows are dumped only where the extension asks for it.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind = 'r' AS has_rows
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (
         SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)
 ORDER BY c.oid
