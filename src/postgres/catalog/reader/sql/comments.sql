-- COMMENT ON, of everything that initdb did not make, and of what has the oid of the schema public.
SELECT classoid, objoid, objsubid, description
  FROM pg_description
 WHERE objoid >= '16384' OR objoid = '2200'
