CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW people WITH (security_invoker = true) AS SELECT id FROM users;
