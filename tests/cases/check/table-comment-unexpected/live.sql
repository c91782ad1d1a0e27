-- The model has no comment, the database has one.
COMMENT ON TABLE users IS 'People.';
