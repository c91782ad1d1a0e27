-- The comment is missing.
COMMENT ON PROCEDURE purge() IS NULL;
