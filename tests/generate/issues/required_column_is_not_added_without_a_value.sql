-- @source https://github.com/djrobstep/migra/issues/101
-- @before
CREATE TABLE foo (id int PRIMARY KEY, bar int);
-- @rows
INSERT INTO foo VALUES (1, 1), (2, 2);
-- @after
CREATE TABLE foo (id int PRIMARY KEY, bar int, baz int NOT NULL);
-- @asked backfill public.foo.baz = EXPRESSION
-- @decide backfill public.foo.baz = 0
-- @kept 2 = SELECT count(*) FROM foo WHERE baz = 0
