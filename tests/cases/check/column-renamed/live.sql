-- One likely rename.
ALTER TABLE users RENAME COLUMN username TO user_name;
