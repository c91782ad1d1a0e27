CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL DEFAULT '' CHECK (email <> 'x'));
CREATE INDEX users_email_idx ON users (email);
