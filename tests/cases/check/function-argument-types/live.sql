-- Other argument types make another function: one missing, one unexpected.
CREATE FUNCTION add(a integer, b bigint) RETURNS integer LANGUAGE sql AS 'SELECT (a + b)::integer';
