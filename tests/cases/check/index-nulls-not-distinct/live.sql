-- The index accepts several NULLs.
DROP INDEX users_email_idx;
CREATE UNIQUE INDEX users_email_idx ON users (email);
