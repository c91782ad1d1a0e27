-- An index that nobody declared: a warning.
CREATE INDEX users_email_idx ON users (email);
