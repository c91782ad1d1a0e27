-- @source https://github.com/stripe/pg-schema-diff/issues/280
-- @before
CREATE TABLE foo (id int PRIMARY KEY, val text);
CREATE VIEW foo_v AS SELECT id, val FROM foo;
-- @rows
INSERT INTO foo VALUES (1, 'kept');
-- @after
CREATE TABLE foo (id int PRIMARY KEY, val varchar(100));
CREATE VIEW foo_v AS SELECT id, val FROM foo;
-- @kept kept = SELECT val FROM foo_v
