CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW people AS SELECT id FROM users;
COMMENT ON VIEW people IS 'All of them.';
