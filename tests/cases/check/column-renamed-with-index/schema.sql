CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, username varchar(32) DEFAULT 'x' CHECK (username <> ''));
CREATE UNIQUE INDEX users_username_key ON users (lower(username));
