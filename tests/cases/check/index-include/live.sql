-- The included column is a key.
DROP INDEX users_email_idx;
CREATE INDEX users_email_idx ON users (email, name);
