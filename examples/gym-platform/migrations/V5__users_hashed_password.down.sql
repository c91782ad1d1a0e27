-- The passwords that people have chosen are gone with it.
ALTER TABLE users DROP COLUMN hashed_password;
