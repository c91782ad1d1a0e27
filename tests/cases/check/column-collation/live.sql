-- The collation differs.
ALTER TABLE users ALTER COLUMN code TYPE text COLLATE "POSIX";
