CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE VIEW people WITH (security_barrier = true) AS SELECT id, name FROM users;
