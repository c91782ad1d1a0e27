CREATE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql RETURN a + b;
CREATE FUNCTION twice(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT a * 2; END;
