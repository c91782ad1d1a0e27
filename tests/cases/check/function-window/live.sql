-- The window function is missing.
DROP FUNCTION nth;
