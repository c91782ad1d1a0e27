-- An ordinary view of the same query stands there.
DROP MATERIALIZED VIEW org_sizes;
CREATE VIEW org_sizes AS SELECT users.org, count(*) AS n FROM users JOIN users self USING (id) GROUP BY users.org;
