CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW people AS SELECT id FROM users;
COMMENT ON COLUMN people.id IS 'The same as in users.';
