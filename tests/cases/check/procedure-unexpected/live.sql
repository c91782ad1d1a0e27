-- A procedure that nobody declared.
CREATE PROCEDURE purge(keep integer) LANGUAGE sql AS 'DELETE FROM users WHERE id > keep';
