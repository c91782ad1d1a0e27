-- Row level security policies. Role 0 is PUBLIC.
SELECT p.oid, p.polrelid, p.polname, p.polpermissive, p.polcmd
     , ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY (p.polroles) ORDER BY rolname)
     , pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)  --? !without_locks
     , NULL, NULL                                                                   --? without_locks
  FROM pg_policy p
