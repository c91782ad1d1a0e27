SELECT pg_catalog.current_database(),
       -- The database's oid without a plan: base/16384/1259 (manual, "Database Object Location Functions").
       pg_catalog.split_part(pg_catalog.pg_relation_filepath('pg_catalog.pg_class'), '/', -2),
       session_user,
       pg_catalog.current_setting('server_version'),
       (pg_catalog.pg_control_system()).system_identifier::text,
       pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('search_path'),
       pg_catalog.current_setting('transaction_read_only'),
       pg_catalog.current_setting('transaction_isolation'),
       pg_catalog.pg_current_snapshot()::text,
       -- A server whose client is gone stops waiting for a lock. Only some systems can tell, and others refuse the
       -- setting (manual, client_connection_check_interval).
       CASE WHEN pg_catalog.strpos(pg_catalog.version(), 'linux') > 0
            THEN pg_catalog.set_config('client_connection_check_interval', '500', true) END
