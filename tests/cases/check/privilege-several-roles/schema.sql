CREATE TABLE users (id bigint PRIMARY KEY, email text);
GRANT SELECT ON users TO pg_monitor, pg_read_all_data, pg_read_all_settings, pg_read_all_stats;
GRANT INSERT ON users TO pg_read_all_data;
CREATE INDEX users_email_idx ON users (email);
