-- The target differs.
ALTER STATISTICS users_places SET STATISTICS -1;
