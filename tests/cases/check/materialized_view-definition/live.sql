-- The definition differs.
-- Across 16 the two servers print views differently, and what differs there is unknown, not drift.
DROP MATERIALIZED VIEW org_sizes;
CREATE MATERIALIZED VIEW org_sizes AS SELECT users.org, count(id) AS n FROM users JOIN users self USING (id) WHERE id > 0 GROUP BY users.org;
