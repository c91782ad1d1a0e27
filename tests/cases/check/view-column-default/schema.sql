CREATE TABLE users (id bigint PRIMARY KEY, active boolean);
CREATE VIEW people AS SELECT id, active FROM users;
ALTER VIEW people ALTER COLUMN active SET DEFAULT true;
