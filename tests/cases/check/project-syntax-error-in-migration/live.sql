-- Exit 2: the migration's file and line.
CREATE TABLE users (id bigint PRIMARY KEY);
