-- No finding: the order in which storage parameters were set.
CREATE TABLE events (id bigint PRIMARY KEY) WITH (autovacuum_enabled = false);
ALTER TABLE events SET (fillfactor = 70);
