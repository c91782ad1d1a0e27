CREATE TABLE users (id bigint PRIMARY KEY);
GRANT SELECT, INSERT ON users TO pg_monitor;
