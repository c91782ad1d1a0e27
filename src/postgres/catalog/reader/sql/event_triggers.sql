-- Event triggers.
SELECT e.oid, e.evtname, e.evtevent, e.evtenabled, e.evttags, e.evtfoid::regproc
     , pg_get_userbyid(e.evtowner)  --? owners
     , NULL                         --? !owners
  FROM pg_event_trigger e
 WHERE true
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_event_trigger'::regclass::oid AND objid = e.oid  --? extensions
                      AND refclassid = 'pg_extension'::regclass::oid AND deptype = 'e')                       --? extensions
