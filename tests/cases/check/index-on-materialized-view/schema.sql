CREATE TABLE users (id bigint PRIMARY KEY, org bigint);
CREATE MATERIALIZED VIEW org_sizes AS SELECT org, count(*) AS n FROM users GROUP BY org;
CREATE UNIQUE INDEX org_sizes_org_idx ON org_sizes (org);
