-- What people have recorded for deploys, the newest first.
SELECT s.detail AS attestation,
       to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS recorded_at
  FROM (SELECT action, detail, started_at FROM ONLY trueup.steps OFFSET 0) AS s
 WHERE s.action = 'attest'
 ORDER BY s.started_at DESC
 LIMIT 1000
