CREATE TABLE users (id bigint PRIMARY KEY, active boolean);
CREATE VIEW people AS SELECT id, active FROM users WHERE active WITH LOCAL CHECK OPTION;
