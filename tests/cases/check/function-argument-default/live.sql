-- The default of an argument differs.
CREATE OR REPLACE FUNCTION add(a integer, b integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT a + b';
