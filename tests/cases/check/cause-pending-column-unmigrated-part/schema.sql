CREATE TABLE users (id bigint PRIMARY KEY, username text NOT NULL);
CREATE INDEX users_username_idx ON users (username);
