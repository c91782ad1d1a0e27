-- The comment is missing.
COMMENT ON TYPE address IS NULL;
