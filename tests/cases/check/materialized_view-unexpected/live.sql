-- A materialized view that nobody declared.
CREATE MATERIALIZED VIEW org_sizes AS SELECT org, count(*) AS n FROM users GROUP BY org;
