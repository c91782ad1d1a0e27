-- What the newest adoption accepted, of those whose migrations are still recorded as that run recorded them.
SELECT s.detail AS objects, m.versions, r.os_user, r.os_host,
       to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS accepted_at
  FROM (SELECT run, action, detail, started_at FROM ONLY trueup.steps OFFSET 0) AS s
  JOIN (SELECT id, os_user, os_host FROM ONLY trueup.runs OFFSET 0) AS r ON r.id = s.run
  JOIN (SELECT run, string_agg(version::text, ',') AS versions
          FROM (SELECT run, version FROM ONLY trueup.migrations OFFSET 0) AS every
         GROUP BY run) AS m ON m.run = s.run
 WHERE s.action = 'accept'
 ORDER BY s.started_at DESC
 LIMIT 1
