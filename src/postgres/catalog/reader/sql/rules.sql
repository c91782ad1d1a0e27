-- Rules, without those that make views.
SELECT r.oid, r.ev_class, r.rulename, r.ev_enabled
     , pg_get_ruledef(r.oid)  --? !without_locks
     , NULL                   --? without_locks
  FROM pg_rewrite r
 WHERE r.oid >= '16384' AND r.rulename <> '_RETURN'
