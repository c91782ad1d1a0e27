-- @source a column of a domain that does not accept null, for a table with rows
-- @expect diff
-- @norev
-- @live
create domain d as text not null;
create table t (id int primary key);
-- @data
insert into t values (1);
-- @declared
create domain d as text not null;
create table t (id int primary key, email d);
