-- A column that nobody declared, with an index on it.
ALTER TABLE users ADD COLUMN legacy_id integer;
CREATE INDEX users_legacy_id_idx ON users (legacy_id);
