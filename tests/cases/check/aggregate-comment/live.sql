-- The comment is missing.
COMMENT ON AGGREGATE total(integer) IS NULL;
