-- The column has no identity; its sequence went with it.
ALTER TABLE users ALTER COLUMN id DROP IDENTITY;
