CREATE TABLE users (id bigint PRIMARY KEY, password_hash text);
