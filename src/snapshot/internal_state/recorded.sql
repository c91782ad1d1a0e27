-- What was recorded of the migrations that the history has otherwise than the project's files: another version, or
-- another checksum.
SELECT m.version, m.name, m.sql, m.effects
  FROM (SELECT version, name, sql, effects FROM ONLY trueup.migrations OFFSET 0) AS m
 WHERE m.version IN (SELECT h.version FROM (SELECT version, checksum FROM ONLY {history} OFFSET 0) AS h
                      WHERE concat(h.version, ':', h.checksum) NOT IN (SELECT unnest('{files}'::text[])))
 ORDER BY m.version
