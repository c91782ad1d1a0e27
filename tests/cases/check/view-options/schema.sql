CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW people WITH (security_barrier) AS SELECT id FROM users;
