CREATE TABLE events (id bigint PRIMARY KEY);
CREATE VIEW ids AS SELECT id FROM events;
