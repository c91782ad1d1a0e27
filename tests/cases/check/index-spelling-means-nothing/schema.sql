CREATE TABLE users (id bigint PRIMARY KEY, email text, deleted_at timestamptz);
CREATE INDEX users_email_idx ON users (email, lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX users_deleted_at_idx ON users (deleted_at DESC);
