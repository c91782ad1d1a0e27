CREATE TABLE users (id bigint PRIMARY KEY, tags text[]);
CREATE INDEX users_tags_idx ON users USING gin (tags);
