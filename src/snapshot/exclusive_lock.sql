-- Who holds a lock for which a reader of the catalog may wait: ACCESS EXCLUSIVE on a relation, which no session has to itself.
-- What a session does is shown to its own role and to who may read all statistics; trueup's own runs come first.
SELECT a.pid, a.usename AS role, a.application_name AS application, host(a.client_addr) AS client_addr,
       to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since, left(a.query, 500) AS query,
       concat(quote_ident(n.nspname), '.', quote_ident(c.relname)) AS relation
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
   AND c.relpersistence <> 't'
   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
 ORDER BY starts_with(a.application_name, 'trueup/') DESC NULLS LAST, a.xact_start, c.relkind = 'i', c.oid
 LIMIT 1
