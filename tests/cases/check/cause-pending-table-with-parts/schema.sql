CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id), name text);
CREATE INDEX keys_user_id_idx ON keys (user_id);
