-- The operator class differs: LIKE does not use the index.
DROP INDEX users_email_idx;
CREATE INDEX users_email_idx ON users (email);
