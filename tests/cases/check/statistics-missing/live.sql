-- The statistics object is missing.
DROP STATISTICS users_places;
