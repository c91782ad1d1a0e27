-- The model states a comment of its own for the extension.
COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';
