CREATE TABLE users (id bigint PRIMARY KEY);
CREATE PROCEDURE purge(keep integer) LANGUAGE sql AS 'DELETE FROM users WHERE id > keep';
