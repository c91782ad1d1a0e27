-- Who holds locks on these relations that conflict with the wanted ones. `transaction` tells the transactions of one
-- session apart; {more} columns tell which lock it is. An autovacuum gives way to a session that waits for it (manual, "Routine Vacuuming"), unless it prevents
-- wraparound; its role is NULL, and its query may not be visible.
WITH RECURSIVE wanted AS (
    SELECT w.relation AS top, w.relation, w.modes
    FROM unnest(string_to_array(current_setting('trueup.wanted'), ',')::oid[], ARRAY[{modes}]) AS w(relation, modes)
  UNION
    -- With a table its partitions and children are locked, with an index its table.
    SELECT w.top, more.relation, w.modes
    FROM wanted w
    CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = w.relation
                        UNION ALL
                        SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = w.relation) AS more(relation))
SELECT DISTINCT l.pid, p.gid, COALESCE(a.usename, p.owner) AS role, a.application_name AS application,
       host(a.client_addr) AS host, CASE WHEN p.gid IS NULL THEN a.state ELSE 'prepared' END AS state,
       (EXTRACT(epoch FROM clock_timestamp() - COALESCE(a.xact_start, p.prepared)) * 1000)::int8 AS age_ms,
       left(a.query, 1000) AS query, l.virtualtransaction AS transaction{more}
FROM wanted w
JOIN pg_locks l ON l.relation = w.relation AND l.granted AND l.mode = ANY (string_to_array(w.modes, ','))
 AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
-- A prepared transaction has no process; the lock on its own id tells which one it is.
LEFT JOIN pg_locks id ON l.pid IS NULL AND id.pid IS NULL AND id.locktype = 'transactionid'
 AND id.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = id.transactionid
WHERE l.pid IS DISTINCT FROM {own}
  AND (a.pid IS NULL OR a.usename IS NOT NULL OR strpos(a.query, 'to prevent wraparound') > 0)
