-- @source own: table moved to another schema by hand (ALTER TABLE SET SCHEMA)
-- @expect diff
-- @norev
-- @live
create schema other; create table t(id int primary key, a text); create view v as select id,a from t; alter table t set schema other;
-- @data
insert into other.t values(1,'x');
-- @verify
select count(*) from v;
-- @declared
create schema other; create table t(id int primary key, a text); create view v as select id,a from t;
