CREATE TABLE users (id bigint PRIMARY KEY, email varchar(255) NOT NULL DEFAULT '');
COMMENT ON COLUMN users.email IS 'Where mail goes.';
