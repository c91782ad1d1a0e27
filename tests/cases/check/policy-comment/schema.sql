CREATE TABLE events (id bigint PRIMARY KEY, tenant text);
CREATE POLICY own ON events USING (tenant = 'a');
COMMENT ON POLICY own ON events IS 'Everybody sees his own.';
