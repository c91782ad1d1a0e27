-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create type e as enum ('a','b','c'); create table t (e e default 'b');
-- @data
insert into t values ('b');
-- @rdata
insert into t values ('B');
-- @declared
create type e as enum ('a','B','c'); create table t (e e default 'B');
