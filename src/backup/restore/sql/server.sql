SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), (SELECT system_identifier FROM pg_control_system()),
       CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
       r.rolsuper, r.rolsuper OR r.rolcreatedb, r.rolname, to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MI"Z"')
  FROM pg_roles r
 WHERE r.rolname = current_user
