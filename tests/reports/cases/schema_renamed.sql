-- @source own: a schema renamed by hand
-- @expect diff
-- @norev
-- @live
create schema app; create table app.t(id serial primary key, a text); create index ti on app.t(a);
create view v as select id, a from app.t; alter schema app rename to application;
-- @data
insert into application.t(a) values('x');
-- @verify
select count(*) from v;
-- @declared
create schema app; create table app.t(id serial primary key, a text); create index ti on app.t(a);
create view v as select id, a from app.t;
