-- The name of an argument differs: calls by name fail.
CREATE FUNCTION add(x integer, b integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + $2';
