-- The comment differs.
COMMENT ON COLLATION bytewise IS 'For keys.';
