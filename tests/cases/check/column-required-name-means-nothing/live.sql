-- No finding: what a NOT NULL is called.
ALTER TABLE users RENAME CONSTRAINT users_email_not_null TO email_required;
