CREATE TABLE users (id bigint PRIMARY KEY);
COMMENT ON TABLE users IS 'People who can sign in.';
