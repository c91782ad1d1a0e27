-- The default is missing.
ALTER TABLE users ALTER COLUMN created_at DROP DEFAULT;
