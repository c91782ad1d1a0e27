SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS read_only,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
       r.rolsuper AS superuser, r.rolsuper OR r.rolcreatedb AS may_create, r.rolname AS role,
       to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MI"Z"') AS now
  FROM pg_roles r
 WHERE r.rolname = current_user
