-- All schemas; those that are not the user's own are needed for the names of what is in them.
SELECT n.oid, n.nspname
     , pg_get_userbyid(n.nspowner)  --? owners
     , NULL                         --? !owners
     , n.oid IN (SELECT objid FROM pg_depend WHERE classid = 'pg_namespace'::regclass::oid  --? extensions
                    AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')       --? extensions
     , false                        --? !extensions
     , n.nspowner
  FROM pg_namespace n
