SELECT pg_catalog.current_database() AS database,
       -- pg_class; the database's oid is in it without a plan: base/16384/1259 (manual, "Database Object Location
       -- Functions").
       pg_catalog.pg_relation_filepath('1259') AS path,
       session_user AS role,
       pg_catalog.current_setting('server_version') AS server_version,
       (pg_catalog.pg_control_system()).system_identifier AS system_identifier,
       pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.current_setting('search_path') AS search_path,
       pg_catalog.current_setting('transaction_read_only') AS transaction_read_only,
       pg_catalog.current_setting('transaction_isolation') AS transaction_isolation,
       pg_catalog.pg_current_snapshot() AS snapshot
