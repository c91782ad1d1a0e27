CREATE TABLE users (id bigint PRIMARY KEY, login text);
CREATE INDEX users_login_idx ON users (login);
