-- The comment is missing.
COMMENT ON TRIGGER t ON users IS NULL;
