CREATE TABLE users (id bigint PRIMARY KEY, username varchar(32) DEFAULT 'x');
