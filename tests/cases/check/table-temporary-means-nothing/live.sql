-- No finding: a temporary table belongs to its session.
CREATE TEMPORARY TABLE users_tmp (id bigint);
