CREATE TABLE users (id bigint PRIMARY KEY, email text);
GRANT SELECT (id) ON users TO pg_monitor;
