-- How long statements outside of a transaction took, the newest first, and how many rows their relation had. One in a transaction
-- of its own is recorded at its end: it began when the one before it had ended. A clock that was set back between makes the time
-- negative. Only the newest runs that have such statements are read.
SELECT left(s.text, 10000) AS text, s.rows, (1000 * extract(epoch FROM s.took))::int8 AS milliseconds
  FROM (SELECT text, action, state, ended_at, substring(detail FROM '^{"rows": ([0-9]{1,18})}$')::int8 AS rows,
               CASE WHEN ended_at - started_at > '1 ms' THEN ended_at - started_at
                    ELSE ended_at - lag(ended_at) OVER (PARTITION BY run, version ORDER BY number) END AS took
          FROM (SELECT run, number, action, version, statement, text, state, started_at, ended_at, detail
                  FROM ONLY trueup.steps
                 WHERE run IN (SELECT run FROM ONLY trueup.steps WHERE detail LIKE '{"rows": %'
                                GROUP BY run ORDER BY run DESC LIMIT 50)
                OFFSET 0) AS every
         WHERE statement IS NOT NULL) AS s
 WHERE s.action = 'apply' AND s.state = 'done' AND s.rows IS NOT NULL AND s.took > '0'
 ORDER BY s.ended_at DESC
 LIMIT 50
