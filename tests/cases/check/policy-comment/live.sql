-- The comment is missing.
COMMENT ON POLICY own ON events IS NULL;
