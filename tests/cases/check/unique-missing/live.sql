-- The unique constraint is missing: an error, duplicates get in.
ALTER TABLE users DROP CONSTRAINT users_email_key;
