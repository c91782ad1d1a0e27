-- NOT NULL is NOT VALID: rows that were there before may hold NULL.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ADD CONSTRAINT users_email_not_null NOT NULL email NOT VALID;
