SELECT pg_export_snapshot() AS snapshot, to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS taken_at,
       pg_database_size(d.oid) AS database_bytes, d.datname AS database, d.oid AS database_oid,
       (pg_control_system()).system_identifier,
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
       current_setting('server_version') AS server_version, session_user AS role,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
       to_jsonb(d) ->> 'datlocprovider' AS locale_provider,
       coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale') AS locale,
       (SELECT string_agg(substr(setting.text, length('search_path=') + 1), ', ' ORDER BY s.setrole)
          FROM pg_db_role_setting s
         CROSS JOIN unnest(s.setconfig) AS setting (text)
         WHERE s.setdatabase = d.oid AND starts_with(setting.text, 'search_path=')
           AND setting.text NOT IN ('search_path=', 'search_path=""')) AS search_path,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects
  FROM pg_database d
 WHERE d.datname = current_database()
