-- The comment is missing.
COMMENT ON TYPE mood IS NULL;
