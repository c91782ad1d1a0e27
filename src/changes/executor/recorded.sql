-- The last record of every statement of a migration since it was last applied, taken back or resolved: what came
-- before that is settled.
SELECT DISTINCT ON (s.statement) s.statement, s.run, s.number, s.text, s.before, s.state
FROM trueup.steps s
WHERE s.action = '{action}' AND s.version = {version} AND s.statement IS NOT NULL
  AND NOT EXISTS (SELECT FROM trueup.steps r
                   WHERE r.version = s.version AND r.started_at > s.started_at AND ({restarted_by}))
ORDER BY s.statement, s.started_at DESC
