-- No finding: the order of columns.
CREATE TABLE users (name text, email text, id bigint PRIMARY KEY);
