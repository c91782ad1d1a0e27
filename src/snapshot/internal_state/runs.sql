-- The audit log, the newest run first.
SELECT r.id, r.command, r.arguments, r.version, r.role, r.os_user, r.os_host, host(r.client_addr) AS client_addr,
       to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
       to_char(r.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ended_at,
       r.outcome, r.exit_code, r.message, r.reason
  FROM ONLY trueup.runs AS r
 ORDER BY r.started_at DESC, r.id DESC
 LIMIT {limit}
