-- The newest backup that a run took before its change, as that run recorded it.
SELECT s.detail
  FROM (SELECT action, state, detail, started_at FROM ONLY trueup.steps OFFSET 0) AS s
 WHERE s.action = 'backup' AND s.state = 'done' AND s.detail LIKE '{%'
 ORDER BY s.started_at DESC
 LIMIT 1
