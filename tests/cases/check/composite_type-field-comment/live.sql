-- The comment of a field is missing.
COMMENT ON COLUMN address.city IS NULL;
