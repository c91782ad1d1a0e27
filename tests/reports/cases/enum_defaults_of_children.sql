-- @source defaults that only partitions and children have, and what reads the column
-- @expect diff
-- @live
create type st as enum ('a','b','c');
create table q (id int, s st) partition by range (id);
create table q1 partition of q (s default 'c') for values from (0) to (10);
create table q2 partition of q for values from (10) to (20);
create table h (id int, s st[]); create table h1 (s st[] default '{a,c}') inherits (h);
create table "T t" ("S s" st default 'a', g text);
create index "T i" on "T t" ("S s");
-- @data
insert into q values (1,'a'),(11,'c'); insert into h1 values (1,'{c,a}'); insert into "T t" values ('c','c');
-- @rdata
insert into q values (1,'a'),(11,'c'); insert into h1 values (1,'{c,a}'); insert into "T t" values ('c','c');
-- @verify
select id, s::text from q union all select id, s::text from h union all select 0, "S s"::text from "T t";
-- @declared
create type st as enum ('c','a');
create table q (id int, s st) partition by range (id);
create table q1 partition of q (s default 'c') for values from (0) to (10);
create table q2 partition of q for values from (10) to (20);
create table h (id int, s st[]); create table h1 (s st[] default '{a,c}') inherits (h);
create table "T t" ("S s" st default 'a', g text);
create index "T i" on "T t" ("S s");
