-- The comment is missing.
COMMENT ON FUNCTION one() IS NULL;
