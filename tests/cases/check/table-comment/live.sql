-- The comment differs: a warning.
COMMENT ON TABLE users IS 'People.';
