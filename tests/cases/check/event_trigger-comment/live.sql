-- The comment is missing.
COMMENT ON EVENT TRIGGER no_drop IS NULL;
