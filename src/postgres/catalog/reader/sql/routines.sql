-- Functions and procedures, and what aggregates have in common with them; without those that range types make: internal ones,
-- and pg_language.dat gives that language the oid 12.
SELECT p.oid, p.pronamespace, p.proname, p.prokind, oidvectortypes(p.proargtypes)
     , pg_get_userbyid(p.proowner)  --? owners
     , NULL                         --? !owners
     , pg_get_function_arguments(p.oid), CASE WHEN p.prokind <> 'a' THEN pg_get_function_result(p.oid) END
     , p.prolang, p.provolatile, p.prosecdef, p.proparallel, p.proisstrict, p.proleakproof, p.procost, p.prorows
     , p.proretset, nullif(p.prosupport::oid, '0')::regproc, p.proconfig, pg_get_function_sqlbody(p.oid), p.probin, p.prosrc
     , (SELECT string_agg('FOR TYPE ' || format_type(type, NULL), ', ') FROM unnest(p.protrftypes) type)  --? transforms
     , NULL                                                                                               --? !transforms
  FROM pg_proc p
 WHERE p.oid >= '16384'
   AND NOT (p.prolang = '12' AND p.prosrc ~ '^(multi)?range_constructor[0-3]$')  --? ranges
   AND p.prokind <> 'a'  --? !aggregates
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass::oid AND objid = p.oid      --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                  --? extensions
