-- The comment is missing.
COMMENT ON TYPE span IS NULL;
