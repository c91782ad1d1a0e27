-- The comment is missing.
COMMENT ON STATISTICS users_places IS NULL;
