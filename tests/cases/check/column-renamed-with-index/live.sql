-- One likely rename; the index and check on the column differ only as a consequence.
ALTER TABLE users RENAME COLUMN username TO user_name;
