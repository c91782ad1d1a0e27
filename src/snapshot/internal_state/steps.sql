-- The last step of every migration that is not settled by what trueup recorded of it since: begun and not done, failed,
-- or done though the migration as a whole is not. The caller holds it against the history.
SELECT s.run, s.number, s.action, s.version, s.name, s.statement, left(s.text, 10000) AS text, s.state,
       to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at, s.detail
  FROM (SELECT DISTINCT ON (version)
               run, number, action, version, name, statement, text, state, started_at, detail
          FROM (SELECT run, number, action, version, name, statement, text, state, started_at, detail
                  FROM ONLY trueup.steps OFFSET 0) AS every
         WHERE version IS NOT NULL AND action IN ('apply', 'revert', 'record', 'adopt', 'resolve', 'reset', 'squash')
           -- A statement that failed and left nothing behind is as if it had not been begun.
           AND NOT (state = 'failed' AND statement IS NULL)
         ORDER BY version, started_at DESC, run DESC, number DESC) AS s
  LEFT JOIN (SELECT version, applied_at FROM ONLY trueup.migrations OFFSET 0) AS m ON m.version = s.version
 WHERE CASE s.action WHEN 'apply' THEN m.version IS NULL
                     WHEN 'revert' THEN m.applied_at < s.started_at END
   AND s.state IN ('started', 'failed', 'done')
 ORDER BY s.version
