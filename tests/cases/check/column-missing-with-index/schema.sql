CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, name text, user_id bigint NOT NULL REFERENCES users (id));
CREATE INDEX keys_user_id_idx ON keys (user_id);
ALTER TABLE keys ADD CONSTRAINT keys_name_check CHECK (user_id > 0 OR name IS NOT NULL);
