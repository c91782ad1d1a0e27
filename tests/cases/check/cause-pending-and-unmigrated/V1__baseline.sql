CREATE TABLE users (id bigint PRIMARY KEY, username varchar(16));
