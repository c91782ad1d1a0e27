SELECT pg_export_snapshot(), to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), pg_database_size(d.oid), d.datname, d.oid,
       (pg_control_system()).system_identifier,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
       current_setting('server_version'), session_user, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
       to_jsonb(d) ->> 'datlocprovider', coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale'),
       (SELECT count(*) FROM pg_largeobject_metadata)
  FROM pg_database d
 WHERE d.datname = current_database()
