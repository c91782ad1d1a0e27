-- @source https://github.com/sqlalchemy/alembic/issues/786
-- @before
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
CREATE INDEX i ON t (a);
-- @after
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
CREATE TABLE u (id int PRIMARY KEY, b int);
CREATE INDEX i ON u (b);
-- @rows
INSERT INTO t VALUES (1, 2, 3);
-- @kept 1 = SELECT count(*) FROM pg_index WHERE indexrelid = 'i'::regclass AND indrelid = 'u'::regclass
