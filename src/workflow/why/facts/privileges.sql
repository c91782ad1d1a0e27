WITH r AS MATERIALIZED (SELECT oid FROM pg_roles WHERE rolname = {role})
SELECT CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' WHEN c.relkind IN ('i', 'I') THEN 'INDEX' ELSE 'TABLE' END AS what,
       format('%I.%I', n.nspname, c.relname) AS object, quote_ident(n.nspname) AS schema,
       pg_get_userbyid(c.relowner) AS owner, has_schema_privilege(r.oid, n.oid, 'USAGE') AS usage,
       CASE WHEN c.relkind = 'S' THEN
              concat_ws(',', CASE WHEN NOT has_sequence_privilege(r.oid, c.oid, 'USAGE') THEN 'USAGE' END,
                             CASE WHEN NOT has_sequence_privilege(r.oid, c.oid, 'SELECT') THEN 'SELECT' END)
            WHEN c.relkind IN ('i', 'I') THEN ''
            ELSE
              concat_ws(',', CASE WHEN NOT has_table_privilege(r.oid, c.oid, 'SELECT') THEN 'SELECT' END,
                             CASE WHEN NOT has_table_privilege(r.oid, c.oid, 'INSERT') THEN 'INSERT' END,
                             CASE WHEN NOT has_table_privilege(r.oid, c.oid, 'UPDATE') THEN 'UPDATE' END,
                             CASE WHEN NOT has_table_privilege(r.oid, c.oid, 'DELETE') THEN 'DELETE' END) END AS missing,
       c.relrowsecurity AS row_security
  FROM r CROSS JOIN pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relname = {name} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I') AND n.nspname NOT LIKE 'pg\_temp%'
   AND ({schema}::text IS NULL OR n.nspname = {schema}::text)
UNION ALL
SELECT 'FUNCTION', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       quote_ident(n.nspname), pg_get_userbyid(p.proowner), has_schema_privilege(r.oid, n.oid, 'USAGE'),
       CASE WHEN has_function_privilege(r.oid, p.oid, 'EXECUTE') THEN '' ELSE 'EXECUTE' END, false
  FROM r CROSS JOIN pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.proname = {name} AND ({schema}::text IS NULL OR n.nspname = {schema}::text)
UNION ALL
SELECT 'SCHEMA', quote_ident(n.nspname), '', pg_get_userbyid(n.nspowner), has_schema_privilege(r.oid, n.oid, 'USAGE'),
       concat_ws(',', CASE WHEN NOT has_schema_privilege(r.oid, n.oid, 'USAGE') THEN 'USAGE' END,
                      CASE WHEN NOT has_schema_privilege(r.oid, n.oid, 'CREATE') THEN 'CREATE' END), false
  FROM r CROSS JOIN pg_namespace AS n
 WHERE n.nspname = {name} AND {schema}::text IS NULL
UNION ALL
SELECT 'DATABASE', quote_ident(d.datname), '', pg_get_userbyid(d.datdba), true,
       concat_ws(',', CASE WHEN NOT has_database_privilege(r.oid, d.oid, 'CONNECT') THEN 'CONNECT' END,
                      CASE WHEN NOT has_database_privilege(r.oid, d.oid, 'CREATE') THEN 'CREATE' END), false
  FROM r CROSS JOIN pg_database AS d
 WHERE d.datname = {name} AND {schema}::text IS NULL
UNION ALL
SELECT 'TYPE', format('%I.%I', n.nspname, t.typname), quote_ident(n.nspname), pg_get_userbyid(t.typowner),
       has_schema_privilege(r.oid, n.oid, 'USAGE'),
       CASE WHEN has_type_privilege(r.oid, t.oid, 'USAGE') THEN '' ELSE 'USAGE' END, false
  FROM r CROSS JOIN pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
 WHERE t.typname = {name} AND t.typtype IN ('e', 'd', 'c', 'r', 'b') AND ({schema}::text IS NULL OR n.nspname = {schema}::text)
 LIMIT 50
