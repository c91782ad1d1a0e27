-- The statistics target differs.
ALTER TABLE files ALTER COLUMN kind SET STATISTICS -1;
