CREATE TABLE users (id bigint PRIMARY KEY, org bigint);
CREATE MATERIALIZED VIEW org_sizes AS SELECT users.org, count(*) AS n FROM users JOIN users self USING (id) GROUP BY users.org;
