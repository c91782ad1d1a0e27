CREATE TABLE users (id bigint PRIMARY KEY, username text);
CREATE INDEX users_login_idx ON users (username);
