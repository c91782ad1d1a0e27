CREATE TABLE events (id bigint PRIMARY KEY, tenant text);
CREATE POLICY own ON events AS RESTRICTIVE USING (tenant = 'a');
