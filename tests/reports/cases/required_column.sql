-- @source a column that must have a value, for a table with rows
-- @expect diff
-- @norev
-- @live
create table t (id int primary key);
-- @data
insert into t values (1), (2);
-- @declared
create table t (id int primary key, email text not null, n int not null default 1);
create index t_email on t (email);
