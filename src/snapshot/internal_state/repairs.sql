-- The runs whose repairs can be taken back, and how many rows those have changed.
SELECT run, sum(changed - restored - kept) AS undoable
  FROM ONLY trueup.repairs
 WHERE state IN ('planned', 'done', 'broke off')
 GROUP BY run
HAVING sum(changed - restored - kept) > 0
