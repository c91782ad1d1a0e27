CREATE TABLE users (id bigint PRIMARY KEY, email text);
GRANT SELECT ON users TO pg_monitor, pg_read_all_data, pg_read_all_settings, pg_read_all_stats;
