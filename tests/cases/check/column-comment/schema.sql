CREATE TABLE users (id bigint PRIMARY KEY, email text);
COMMENT ON COLUMN users.email IS 'Where mail goes.';
