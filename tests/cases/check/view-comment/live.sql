-- The comment is missing.
COMMENT ON VIEW people IS NULL;
