-- A procedure stands where the model has a function.
CREATE PROCEDURE run() LANGUAGE sql AS 'SELECT 1';
