-- The column is missing.
ALTER TABLE users DROP COLUMN username;
