-- Exit 2: file, line, statement and PostgreSQL's message.
CREATE TABLE users (id bigint PRIMARY KEY);
