-- Of what is named (named.sql): relations that this role may not read, or not wholly, and functions that switch row security
-- on for themselves.
SELECT 'right' AS kind, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, NULL AS detail, NULL AS operator
  FROM named JOIN pg_class c ON c.oid = named.oid AND named.class = 'pg_class'::regclass
  JOIN pg_namespace n ON n.oid = c.relnamespace
 -- Through a view its owner reads.
 WHERE NOT has_schema_privilege(n.oid, 'USAGE')
    OR NOT has_table_privilege(c.oid, 'SELECT') AND NOT has_any_column_privilege(c.oid, 'SELECT')
       AND (c.relname = ANY ({words}::text[]) OR c.oid = '{table}')
UNION ALL
SELECT 'policy', quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       (SELECT string_agg(quote_ident(p.polname), ', ' ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid), NULL
  FROM named JOIN pg_class c ON c.oid = named.oid AND named.class = 'pg_class'::regclass
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relrowsecurity AND row_security_active(c.oid)
UNION ALL
SELECT 'function', p.oid::regprocedure::text,
       (SELECT option FROM unnest(p.proconfig) AS o (option) WHERE option ~* '^row_security=' LIMIT 1), NULL
  FROM named JOIN pg_proc p ON p.oid = named.oid AND named.class = 'pg_proc'::regclass
 WHERE EXISTS (SELECT FROM unnest(p.proconfig) AS o (option)
                WHERE option ~* '^row_security=' AND option !~* '^row_security=(off|false|no|0|f|n)$')
   AND EXISTS (SELECT FROM pg_class c WHERE c.relrowsecurity)
