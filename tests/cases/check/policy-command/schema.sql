CREATE TABLE events (id bigint PRIMARY KEY, tenant text);
CREATE POLICY own ON events FOR SELECT USING (tenant = 'a');
