-- @source https://github.com/propelorm/Propel2/issues/659
-- @before
CREATE TABLE person (id int PRIMARY KEY, name text, born date);
-- @rows
INSERT INTO person VALUES (1, 'kept', NULL);
-- @after
CREATE TABLE people (id int CONSTRAINT person_pkey PRIMARY KEY, name text, born date);
-- @asked renamed table public.person to public.people
-- @asked dropped table public.person
-- @decide renamed table public.person to public.people
-- @lacks DROP TABLE
-- @kept kept = SELECT name FROM people
