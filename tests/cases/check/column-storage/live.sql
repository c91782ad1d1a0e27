-- The storage strategy differs.
ALTER TABLE files ALTER COLUMN body SET STORAGE EXTERNAL;
