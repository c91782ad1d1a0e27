-- The runs whose repairs can be taken back, and how many rows those have changed. A table that was dropped and created
-- again, or renamed, is another one.
SELECT run, sum(changed - restored - kept) AS undoable
  FROM ONLY trueup.repairs
 WHERE state IN ('planned', 'done', 'broke off')
   AND EXISTS (SELECT FROM pg_class AS c
                WHERE c.oid = relation_oid AND strpos(replace(relation, '""', '"'), c.relname) > 0)
 GROUP BY run
HAVING sum(changed - restored - kept) > 0
