CREATE TABLE users (id bigint PRIMARY KEY);
COMMENT ON CONSTRAINT users_pkey ON users IS 'Never reused.';
