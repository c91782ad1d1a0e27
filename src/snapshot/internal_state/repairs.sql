-- The runs whose repairs can be taken back, and how many rows those have changed. A table that was dropped and created
-- again, or renamed, is another one. Its name is recorded with its schema, and with quotes where it needs them.
SELECT run, sum(changed - restored - kept) AS undoable
  FROM ONLY trueup.repairs
 WHERE state IN ('planned', 'done', 'broke off')
   AND EXISTS (SELECT FROM pg_class AS c
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace
                CROSS JOIN LATERAL (VALUES (n.nspname::text), (concat('"', replace(n.nspname, '"', '""'), '"'))) AS schema (name)
                CROSS JOIN LATERAL (VALUES (c.relname::text), (concat('"', replace(c.relname, '"', '""'), '"'))) AS own (name)
                WHERE c.oid = relation_oid AND relation = concat(schema.name, '.', own.name))
 GROUP BY run
HAVING sum(changed - restored - kept) > 0
