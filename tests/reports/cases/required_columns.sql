-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create table t (id int primary key); create view v as select id from t;
-- @data
insert into t values (1);
-- @declared
create domain nn as text not null; create domain dd as text not null default 'x';
create table t (id int primary key, a nn, b dd, c text not null, d text generated always as ('x') stored not null, e serial, f int not null default 0);
create view v as select id, c from t; create index tc on t (c); alter table t add constraint cc check (c <> '');
