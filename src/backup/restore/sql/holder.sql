-- Who holds the advisory lock of a key, which pg_locks shows in halves.
SELECT format('pid %s, role %s, %s, from %s, for %s', a.pid, quote_ident(a.usename), a.application_name,
              coalesce(host(a.client_addr), 'this machine'), date_trunc('second', clock_timestamp() - a.backend_start)) AS holder
  FROM pg_locks l
  JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND (l.classid::int8 << 32) | l.objid::int8 = {key}
   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
