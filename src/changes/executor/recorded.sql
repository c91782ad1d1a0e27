-- The last record of every statement of a migration since it was last taken back or resolved.
SELECT DISTINCT ON (s.statement) s.statement, s.run, s.number, s.text, s.before, s.state
FROM trueup.steps s
WHERE s.action = 'apply' AND s.version = {version} AND s.statement IS NOT NULL
  AND NOT EXISTS (SELECT FROM trueup.steps r
                   WHERE r.version = s.version AND r.action IN ('revert', 'resolve') AND r.started_at > s.started_at)
ORDER BY s.statement, s.started_at DESC
