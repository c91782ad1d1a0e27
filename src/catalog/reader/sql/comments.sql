-- COMMENT ON, of everything that initdb did not make, and of the schema public.
SELECT classoid, objoid, objsubid, description
  FROM pg_description
 WHERE objoid >= '16384'
    OR objoid = '2200' AND classoid = 'pg_namespace'::regclass::oid AND description <> 'standard public schema'
