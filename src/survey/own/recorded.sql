-- What was recorded of these migrations when they were applied.
SELECT m.version::text, m.name, m.sql, m.effects
  FROM (SELECT version, name, sql, effects FROM ONLY trueup.migrations OFFSET 0) AS m
 WHERE m.version = ANY ('{versions}'::int8[])
 ORDER BY m.version
