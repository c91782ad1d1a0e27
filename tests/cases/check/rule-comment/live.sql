-- The comment is missing.
COMMENT ON RULE no_delete ON events IS NULL;
