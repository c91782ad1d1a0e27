CREATE TABLE users (id bigint PRIMARY KEY, a text);
CREATE TABLE teams (id bigint PRIMARY KEY, name text);
