-- The type differs.
ALTER TABLE users ALTER COLUMN age TYPE text;
