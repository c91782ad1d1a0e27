-- The result type differs.
CREATE FUNCTION pair() RETURNS TABLE (a integer, b integer) LANGUAGE sql AS $$ SELECT 1, 2 $$;
