-- One finding of severity warning for a table that nobody declared, with an index and a constraint.
CREATE TABLE users_backup (id bigint PRIMARY KEY, email text CHECK (email <> ''));
CREATE INDEX ON users_backup (email);
