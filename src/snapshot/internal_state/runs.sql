-- The audit log, the newest run first.
SELECT id, command, arguments, version, role::text, os_user, os_host, host(client_addr),
       to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       outcome, exit_code::text, message, reason
  FROM ONLY trueup.runs
 ORDER BY started_at DESC, id DESC
 LIMIT {limit}
