-- The column accepts NULL.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
