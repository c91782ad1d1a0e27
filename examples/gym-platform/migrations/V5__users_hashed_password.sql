-- Only the application reads it: the three roles of people have no right to this column.
ALTER TABLE users ADD COLUMN hashed_password text;
COMMENT ON COLUMN users.hashed_password IS 'scrypt; NULL until the person has chosen one.';
GRANT SELECT (hashed_password), UPDATE (hashed_password) ON users TO gym_app;
