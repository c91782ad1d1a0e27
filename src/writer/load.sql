-- The load of the server, for the decision whether to go on: how far the slowest standby is behind, the oldest
-- transaction, which keeps dead rows from being removed, and the sessions of this database that wait for locks on one of
-- these tables ({relations}). What this role may not see is NULL. Our own sessions are left out: {own}.
SELECT (SELECT (extract(epoch FROM max(COALESCE(r.replay_lag, r.flush_lag, r.write_lag))) * 1000)::int8
          FROM pg_stat_replication r WHERE r.state = 'streaming') AS replica_lag_ms,
       (SELECT (extract(epoch FROM max(clock_timestamp() - a.xact_start)) * 1000)::int8
          FROM pg_stat_activity a
         WHERE a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND a.backend_type = 'client backend' AND NOT a.pid = ANY ('{{own}}')) AS oldest_transaction_ms,
       (SELECT a.pid::text || COALESCE(' (' || NULLIF(a.application_name, '') || ')', '')
          FROM pg_stat_activity a
         WHERE a.backend_type = 'client backend' AND NOT a.pid = ANY ('{{own}}')
           AND a.xact_start IS NOT NULL
           AND a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
         ORDER BY a.xact_start LIMIT 1) AS oldest,
       (SELECT count(*) FROM pg_locks l
         WHERE NOT l.granted AND l.relation = ANY ('{{relations}}'::oid[])
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS waiters
