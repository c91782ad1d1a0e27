-- The column is an ordinary one.
ALTER TABLE users ALTER COLUMN domain DROP EXPRESSION;
