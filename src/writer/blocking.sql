-- Who blocks the session {pid}: sessions, and prepared transactions, which pg_blocking_pids shows as 0.
SELECT a.pid, NULL AS gid, a.usename AS role, a.application_name AS application, host(a.client_addr) AS host, a.state,
       (EXTRACT(epoch FROM clock_timestamp() - a.xact_start) * 1000)::int8 AS age_ms, left(a.query, 1000) AS query
FROM unnest(pg_blocking_pids({pid})) AS b(pid)
JOIN pg_stat_activity a ON a.pid = b.pid
UNION ALL
SELECT NULL, p.gid, p.owner, NULL, NULL, 'prepared',
       (EXTRACT(epoch FROM clock_timestamp() - p.prepared) * 1000)::int8, NULL
FROM pg_prepared_xacts p
WHERE 0 = ANY (pg_blocking_pids({pid}))
  AND EXISTS (
    SELECT FROM pg_locks wanted
    JOIN pg_locks held ON held.granted AND held.pid IS NULL
     AND held.locktype = wanted.locktype
     AND held.database IS NOT DISTINCT FROM wanted.database
     AND held.relation IS NOT DISTINCT FROM wanted.relation
     AND held.transactionid IS NOT DISTINCT FROM wanted.transactionid
     AND held.virtualxid IS NOT DISTINCT FROM wanted.virtualxid
    -- The lock on its own id tells which prepared transaction it is.
    JOIN pg_locks id ON id.pid IS NULL AND id.locktype = 'transactionid'
     AND id.virtualtransaction = held.virtualtransaction AND id.transactionid = p.transaction
    WHERE wanted.pid = {pid} AND NOT wanted.granted)
