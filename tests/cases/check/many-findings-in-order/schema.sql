CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, m mood);
CREATE TABLE teams (id bigint PRIMARY KEY, name text);
CREATE INDEX teams_name_idx ON teams (name);
CREATE VIEW people AS SELECT id FROM users;
