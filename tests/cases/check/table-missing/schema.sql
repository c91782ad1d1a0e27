CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE);
CREATE INDEX users_email_idx ON users (lower(email));
COMMENT ON TABLE users IS 'People.';
COMMENT ON COLUMN users.email IS 'Where mail goes.';
CREATE TABLE teams (id bigint PRIMARY KEY);
