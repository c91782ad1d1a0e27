CREATE TABLE users (id bigint PRIMARY KEY, username text);
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE INDEX users_username_idx ON users (username);
