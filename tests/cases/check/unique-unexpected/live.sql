-- A unique constraint that nobody declared.
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
