-- Tables that are called like a history, and what tells whether they are one: readable whole, plain, whether the
-- planner would meet an expression of an index or of statistics, whether a column's type is somebody's own, and the
-- columns that matter with the oids of their types. The caller judges.
SELECT n.nspname, c.relname,
       has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')
           AND NOT row_security_active(c.oid),
       c.relkind = 'r',
       EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
           OR EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid AND s.stxexprs IS NOT NULL),
       (SELECT concat(bool_or(a.atttypid >= '16384'),
                      string_agg(concat(' ', a.attname, ':', a.atttypid), '')
                          FILTER (WHERE a.attname IN ('version', 'name', 'applied_on', 'checksum', 'version_num',
                                                      'app', 'id', 'installed_rank', 'success', 'migration_name',
                                                      'finished_at')))
          FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname IN ('refinery_schema_history', 'alembic_version', 'django_migrations', 'flyway_schema_history',
                    '_sqlx_migrations', '_prisma_migrations', 'schema_migrations')
  AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
ORDER BY 1, 2
