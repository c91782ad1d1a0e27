CREATE FUNCTION one() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' AS 'SELECT 1';
