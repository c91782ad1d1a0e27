-- A unique index that nobody declared: the application's INSERT can fail on it.
CREATE UNIQUE INDEX users_email_idx ON users (email);
