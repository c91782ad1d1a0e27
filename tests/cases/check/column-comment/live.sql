-- The comment differs: a warning.
COMMENT ON COLUMN users.email IS 'Where mail goes';
