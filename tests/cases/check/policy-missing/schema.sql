CREATE TABLE events (id bigint PRIMARY KEY, tenant text);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (tenant = current_setting('app.tenant'));
