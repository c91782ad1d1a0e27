-- The comment is missing.
COMMENT ON CONSTRAINT n_positive ON keys IS NULL;
