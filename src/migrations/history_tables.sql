-- Tables that are called like a history, and what tells whether they are one: readable whole, plain, whether the
-- planner would meet an expression of an index or of statistics, whether a column's type is somebody's own, and the
-- columns that matter with the oids of their types. The caller judges. The tables of schema trueup are among them,
-- whatever is there by their name, and whether the schema's owner owns them.
SELECT n.nspname AS schema, c.relname AS name,
       has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
           AND NOT row_security_active(c.oid) AS readable,
       c.relkind = 'r' AS ordinary,
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
           OR EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid AND s.stxexprs IS NOT NULL) AS expressions,
       (SELECT concat(bool_or(a.atttypid >= '16384'),
                      string_agg(concat(' ', a.attname, ':', a.atttypid), '')
                          FILTER (WHERE a.attname ~ '^[A-Za-z0-9_]+$'))
          FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped) AS columns,
       c.relowner = n.nspowner AS of_schemas_owner
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname IN ({history_tables}, {internal_tables})
  AND CASE WHEN c.relname IN ({internal_tables}) THEN n.nspname = 'trueup'
           ELSE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' END
ORDER BY 1, 2
