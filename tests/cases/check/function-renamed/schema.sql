CREATE FUNCTION full_name(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1 + a';
