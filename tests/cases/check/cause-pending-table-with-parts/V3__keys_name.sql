ALTER TABLE keys ADD COLUMN name text;
CREATE INDEX keys_user_id_idx ON keys (user_id);
