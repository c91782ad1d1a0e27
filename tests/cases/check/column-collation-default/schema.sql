CREATE DOMAIN tag AS text COLLATE "C";
CREATE TABLE users (id bigint PRIMARY KEY, label tag COLLATE "default");
