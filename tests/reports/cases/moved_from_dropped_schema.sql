-- @source own: a table moved between a schema that both have and one that only one has
-- @expect diff
-- @norev
-- @live
create schema x; create table x.t(id int primary key, a text); create view v as select id, a from x.t; alter table x.t set schema public; drop schema x;
-- @data
insert into public.t values(1,'x');
-- @verify
select count(*) from v;
-- @declared
create schema x; create table x.t(id int primary key, a text); create view v as select id, a from x.t;
