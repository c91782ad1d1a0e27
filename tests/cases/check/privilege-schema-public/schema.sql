CREATE TABLE users (id bigint PRIMARY KEY);
GRANT USAGE, CREATE ON SCHEMA public TO pg_monitor;
