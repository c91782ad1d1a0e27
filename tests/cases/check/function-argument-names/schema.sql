CREATE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + $2';
