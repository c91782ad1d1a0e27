-- @source https://github.com/typeorm/typeorm/issues/3357
-- @before
CREATE TABLE users (id int PRIMARY KEY, name varchar(50) NOT NULL);
-- @rows
INSERT INTO users VALUES (1, 'kept');
-- @after
CREATE TABLE users (id int PRIMARY KEY, name varchar(100) NOT NULL);
-- @contains ALTER TABLE public.users ALTER COLUMN name TYPE character varying(100);
-- @lacks DROP COLUMN
-- @lacks ADD COLUMN
-- @kept kept = SELECT name FROM users
