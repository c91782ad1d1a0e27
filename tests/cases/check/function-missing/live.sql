-- The function is missing.
DROP FUNCTION add;
