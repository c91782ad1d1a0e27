CREATE TABLE events (id bigint PRIMARY KEY, code text NOT NULL);
CREATE UNIQUE INDEX events_code_key ON events (code);
ALTER TABLE events REPLICA IDENTITY USING INDEX events_code_key;
