-- Who holds trueup's lock on this database now. What a session does is shown to its own role and to who may read all
-- statistics (manual, "The Cumulative Statistics System"); that it holds the lock, to everybody.
SELECT l.pid, a.usename AS role, a.application_name AS application, host(a.client_addr) AS client_addr,
       to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since, a.state,
       left(a.query, 500) AS query
  FROM pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = '{high}' AND l.objid = '{low}'
   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
