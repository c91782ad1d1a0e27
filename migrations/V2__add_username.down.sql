-- The names that users have chosen are gone with it.
ALTER TABLE users DROP COLUMN username;
