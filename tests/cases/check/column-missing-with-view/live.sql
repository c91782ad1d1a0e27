-- The column is missing, and the view that showed it.
ALTER TABLE users DROP COLUMN username CASCADE;
