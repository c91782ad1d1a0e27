CREATE TABLE files (id bigint PRIMARY KEY, kind text);
ALTER TABLE files ALTER COLUMN kind SET (n_distinct = 20);
