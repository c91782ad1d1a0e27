-- Process 0 among those that block is a prepared transaction. Of other roles' sessions pg_stat_activity tells a role without
-- pg_read_all_stats the process, the role, the application and the database, and nothing else; pg_locks tells everybody all.
WITH waiting AS MATERIALIZED (
  SELECT unnest(pg_blocking_pids(a.pid)) AS pid FROM pg_stat_activity AS a
   WHERE a.pid IN (SELECT l.pid FROM pg_locks AS l WHERE NOT l.granted) AND a.pid <> pg_backend_pid()
     AND a.datname = current_database()
), waited_for AS MATERIALIZED (
  SELECT w.pid, count(*) AS waiting FROM waiting AS w GROUP BY w.pid
), held AS MATERIALIZED (
  SELECT DISTINCT ON (l.pid) l.pid, format('%I.%I', n.nspname, c.relname) AS relation, l.mode,
         c.relname IN ({relations}) AS asked_for
    FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p', 'm', 'v')
     AND c.oid >= '16384' AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
   ORDER BY l.pid, coalesce(c.relname IN ({relations}), false) DESC,
            array_position('{AccessExclusiveLock,ExclusiveLock,ShareRowExclusiveLock,ShareLock,ShareUpdateExclusiveLock,RowExclusiveLock,RowShareLock,AccessShareLock}'::text[], l.mode)
)
SELECT a.pid, NULL::text AS gid, a.usename::text AS role, a.application_name AS application, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start)::int8 AS age,
       coalesce(w.waiting, 0) AS waiting, h.relation, h.mode, coalesce(h.asked_for, false) AS asked_for,
       EXISTS (SELECT FROM pg_class AS c WHERE c.relname IN ({relations}) AND c.relkind IN ('r', 'p', 'm', 'v')) AS some_asked_for
  FROM pg_stat_activity AS a
  LEFT JOIN waited_for AS w ON w.pid = a.pid
  LEFT JOIN held AS h ON h.pid = a.pid
 WHERE a.pid <> pg_backend_pid() AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'autovacuum worker')
   AND (w.pid IS NOT NULL
        OR a.datname = current_database() AND h.asked_for AND h.mode <> 'AccessShareLock'
        OR a.datname = current_database() AND h.pid IS NOT NULL
           AND a.xact_start < clock_timestamp() - interval '10 seconds')
UNION ALL
SELECT NULL, p.gid, p.owner::text, NULL, NULL, extract(epoch FROM clock_timestamp() - p.prepared)::int8,
       coalesce((SELECT w.waiting FROM waited_for AS w WHERE w.pid = 0), 0), NULL, NULL, false, false
  FROM pg_prepared_xacts AS p
 WHERE p.database = current_database()
 ORDER BY waiting DESC, asked_for DESC, age DESC NULLS LAST, pid
 LIMIT 3
