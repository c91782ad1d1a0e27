-- @source own: a table with an index, a sequence, a key and grants moved to another schema
-- @expect diff
-- @norev
-- @live
create schema other; create table t(id serial primary key, a text unique); create index ti on t(a);
create table u(id int references t); create view v as select id, a from t; grant select on t to public; alter table t set schema other;
-- @data
insert into other.t(a) values('x');
-- @verify
select count(*) from v;
-- @declared
create schema other; create table t(id serial primary key, a text unique); create index ti on t(a);
create table u(id int references t); create view v as select id, a from t; grant select on t to public;
