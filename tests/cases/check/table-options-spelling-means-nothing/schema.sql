CREATE TABLE users (id bigint PRIMARY KEY, name text) WITH (autovacuum_enabled = true, toast.autovacuum_enabled = false);
CREATE INDEX users_name ON users (name) WITH (deduplicate_items = off);
