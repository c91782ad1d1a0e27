CREATE TABLE events (id bigint PRIMARY KEY, tenant text);
CREATE POLICY own ON events TO pg_read_all_data, pg_monitor USING (tenant = 'a');
