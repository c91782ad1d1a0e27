-- @source own: a table moved between a schema that both have and one that only one has
-- @expect diff
-- @norev
-- @live
create schema x; create table t(id int primary key, a text unique); create view v as select id, a from t; alter table t set schema x;
-- @data
insert into x.t values(1,'x');
-- @verify
select count(*) from v;
-- @declared
create table t(id int primary key, a text unique); create view v as select id, a from t;
