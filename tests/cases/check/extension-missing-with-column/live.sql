-- The extension is missing, and a column that needs it has another type.
ALTER TABLE users ALTER COLUMN email TYPE text;
DROP EXTENSION citext;
