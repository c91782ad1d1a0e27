-- The compression method is the server's default.
ALTER TABLE files ALTER COLUMN body SET COMPRESSION DEFAULT;
