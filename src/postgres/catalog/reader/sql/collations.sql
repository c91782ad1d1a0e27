-- Collations. Before 15, and for libc since, two settings make the locale.
SELECT c.oid, c.collnamespace, c.collname
     , pg_get_userbyid(c.collowner)  --? owners
     , NULL                          --? !owners
     , c.collprovider, c.collisdeterministic, c.collcollate, c.collctype
     , c.colllocale     --? 17+
     , c.colliculocale  --? 15+ <17
     , NULL             --? <15
     , c.collicurules   --? 16+
     , NULL             --? <16
  FROM pg_collation c
 WHERE c.oid >= '16384'
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_collation'::regclass::oid AND objid = c.oid  --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                   --? extensions
