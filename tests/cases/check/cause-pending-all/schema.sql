CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW people AS SELECT id FROM users;
