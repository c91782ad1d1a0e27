-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create type st as enum ('a','b','c');
create function f(s st) returns text language sql immutable as $$select s::text$$;
create table t (id int primary key, s st default 'a');
-- @declared
create type st as enum ('a','c');
create function f(s st) returns text language sql immutable as $$select s::text$$;
create table t (id int primary key, s st default 'a');
