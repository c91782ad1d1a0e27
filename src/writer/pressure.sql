-- What speaks against writing more right now: how far the farthest standby is behind, the oldest transaction that keeps
-- dead rows from being removed, and sessions of this database that wait for locks on one of these tables ({relations}).
-- What this role may not see is NULL. Our own sessions are left out: {own}.
SELECT (SELECT (extract(epoch FROM max(COALESCE(r.replay_lag, r.flush_lag, r.write_lag))) * 1000)::int8::text
          FROM pg_stat_replication r WHERE r.state = 'streaming'),
       (SELECT (extract(epoch FROM max(clock_timestamp() - a.xact_start)) * 1000)::int8::text
          FROM pg_stat_activity a
         WHERE a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND a.backend_type = 'client backend' AND NOT a.pid = ANY ('{{own}}')),
       (SELECT a.pid::text || COALESCE(' (' || NULLIF(a.application_name, '') || ')', '')
          FROM pg_stat_activity a
         WHERE a.backend_type = 'client backend' AND NOT a.pid = ANY ('{{own}}')
           AND a.xact_start IS NOT NULL
           AND a.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
         ORDER BY a.xact_start LIMIT 1),
       (SELECT count(*)::text FROM pg_locks l
         WHERE NOT l.granted AND l.relation = ANY ('{{relations}}'::oid[])
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
