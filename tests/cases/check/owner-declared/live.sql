-- The declared owner is another role; no word about the table whose owner the model does not declare.
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE teams (id bigint PRIMARY KEY);
ALTER TABLE users OWNER TO pg_read_all_data;
