-- The comment of a view's column is missing.
COMMENT ON COLUMN people.id IS NULL;
