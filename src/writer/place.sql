SELECT current_database(), (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
       (SELECT system_identifier FROM pg_control_system()),
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
       current_setting('transaction_read_only'), pg_backend_pid(), session_user
