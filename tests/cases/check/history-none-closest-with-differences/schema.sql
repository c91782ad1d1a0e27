CREATE TABLE users (id bigint PRIMARY KEY, username text);
CREATE TABLE teams (id bigint PRIMARY KEY);
