-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create type st as enum ('a','b','c');
create table p (id int, s st not null default 'a', primary key (id, s)) partition by list (s);
create table p1 partition of p for values in ('a');
create table q (id int, s st default 'b') partition by range (id);
create table q1 partition of q for values from (0) to (10);
create table q2 partition of q (s default 'c') for values from (10) to (20);
create table h (id int, s st); create table h1 () inherits (h);
create domain d as st check (value <> 'b');
-- @data
insert into q values (1,'a'),(11,'a');
-- @rdata
insert into q values (1,'a'),(11,'a');
-- @declared
create type st as enum ('c','a');
create table p (id int, s st not null default 'a', primary key (id, s)) partition by list (s);
create table p1 partition of p for values in ('a');
create table q (id int, s st default 'a') partition by range (id);
create table q1 partition of q for values from (0) to (10);
create table q2 partition of q (s default 'c') for values from (10) to (20);
create table h (id int, s st); create table h1 () inherits (h);
create domain d as st check (value <> 'a');
