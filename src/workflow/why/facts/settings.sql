WITH asked AS MATERIALIZED (
  SELECT {role}::text AS role,
         (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = {role}) AS oid,
         coalesce((SELECT r.rolcanlogin FROM pg_roles AS r WHERE r.rolname = {role}), false) AS can_login,
         (SELECT concat_ws(',', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                           CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END)
            FROM pg_roles AS r WHERE r.rolname = {role}) AS attributes,
         (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()) AS database
), given AS MATERIALIZED (
  SELECT DISTINCT ON (split_part(o.option, '=', 1))
         split_part(o.option, '=', 1) AS name, substr(o.option, strpos(o.option, '=') + 1) AS value,
         CASE WHEN s.setrole <> 0 AND s.setdatabase <> 0 THEN
                  format('ALTER ROLE %I IN DATABASE %I', q.role, current_database())
              WHEN s.setrole <> 0 THEN format('ALTER ROLE %I', q.role)
              WHEN s.setdatabase <> 0 THEN format('ALTER DATABASE %I', current_database())
              ELSE 'ALTER ROLE ALL' END AS origin
    FROM asked AS q
    JOIN pg_db_role_setting AS s ON s.setdatabase IN (0, q.database) AND s.setrole IN (0, coalesce(q.oid, 0))
   CROSS JOIN unnest(s.setconfig) AS o (option)
   ORDER BY split_part(o.option, '=', 1), s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
)
SELECT q.role, q.oid IS NOT NULL AS role_exists, q.can_login, coalesce(q.attributes, '') AS attributes, pg_is_in_recovery() AS standby, p.name,
       coalesce(g.value, CASE WHEN p.unit = 'ms' AND p.reset_val <> '0' THEN p.reset_val || 'ms' ELSE p.reset_val END, '') AS value,
       coalesce(g.origin || ' SET ' || p.name, '') AS origin
  FROM asked AS q
 CROSS JOIN pg_settings AS p
  LEFT JOIN given AS g ON g.name = p.name
 WHERE p.name IN ('search_path', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                  'deadlock_timeout', 'default_transaction_read_only', 'transaction_timeout', 'max_connections')
