-- Drift: no migration knows this table.
CREATE TABLE users_copy AS SELECT * FROM users;
