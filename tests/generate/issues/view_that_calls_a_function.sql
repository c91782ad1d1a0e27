-- @source https://github.com/stripe/pg-schema-diff/issues/284
-- @before
CREATE TABLE t (id int PRIMARY KEY);
-- @after
CREATE TABLE t (id int PRIMARY KEY);
CREATE FUNCTION fn_compute(id integer) RETURNS TABLE (result text) LANGUAGE sql AS $$ SELECT 'x' || id $$;
CREATE VIEW v_computed AS SELECT * FROM fn_compute(42);
-- @kept x42 = SELECT result FROM v_computed
