SELECT current_database() AS database, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AS database_oid,
       (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
       current_setting('transaction_read_only')::bool AS read_only, pg_backend_pid() AS pid, session_user AS role
