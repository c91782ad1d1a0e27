-- Exit 2: two files have the same version.
CREATE TABLE users (id bigint PRIMARY KEY);
