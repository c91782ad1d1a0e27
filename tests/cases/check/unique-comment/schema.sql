CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE);
COMMENT ON CONSTRAINT users_email_key ON users IS 'One account per address.';
