-- Who holds the advisory lock of this database, whose key pg_locks shows in halves.
SELECT a.pid, NULL AS gid, a.usename AS role, a.application_name AS application, host(a.client_addr) AS host, a.state,
       (EXTRACT(epoch FROM clock_timestamp() - a.backend_start) * 1000)::int8 AS age_ms, left(a.query, 1000) AS query
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid = '{high}'::oid AND l.objid = '{low}'::oid
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
