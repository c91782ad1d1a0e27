CREATE TABLE events (id bigint PRIMARY KEY, body text) WITH (toast.autovacuum_enabled = false);
