CREATE TABLE users (id bigint PRIMARY KEY, code text COLLATE "C");
