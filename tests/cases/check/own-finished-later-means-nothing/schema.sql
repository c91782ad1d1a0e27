CREATE TABLE users (id bigint PRIMARY KEY, name text, email text);
CREATE INDEX users_name ON users (name);
CREATE INDEX users_email ON users (email);
