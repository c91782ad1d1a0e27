-- The runs that have not ended, the newest first, and whether a backend of that number holds trueup's lock here. The
-- inner SELECTs keep every condition off the table, that of max() too: with constraint_exclusion = on the planner would evaluate what its
-- CHECK constraints call.
SELECT r.id, r.command, to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at, r.role,
       r.os_user, r.os_host, r.backend_pid,
       EXISTS (SELECT FROM pg_locks l
                WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid = r.backend_pid
                  AND l.classid = '{high}' AND l.objid = '{low}'
                  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AS alive,
       r.started_at = (SELECT max(every.started_at) FROM (SELECT started_at FROM ONLY trueup.runs OFFSET 0) AS every) AS latest
  FROM (SELECT id, command, started_at, role, os_user, os_host, backend_pid, ended_at
          FROM ONLY trueup.runs OFFSET 0) AS r
 WHERE r.ended_at IS NULL
 ORDER BY r.started_at DESC, r.id DESC
 LIMIT 20
