-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create type st as enum ('a','b','c');
create table q (id int, s st default 'c') partition by range (id);
create table q1 partition of q for values from (0) to (10);
create table q2 partition of q (s default 'c') for values from (10) to (20);
create table h (id int, s st); create table h1 () inherits (h);
create view v as select s, count(*) from q group by s;
create materialized view mv as select * from v; create unique index mvi on mv(s);
create policy pol on h using (s = 'a');
create index hi on h (s) where s <> 'a';
create function trg() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on h for each row when (new.s = 'a') execute function trg();
-- @data
insert into q values (1,'a'),(11,'a');
-- @rdata
insert into q values (1,'a'),(11,'a');
-- @declared
create type st as enum ('c','a');
create table q (id int, s st default 'c') partition by range (id);
create table q1 partition of q for values from (0) to (10);
create table q2 partition of q (s default 'c') for values from (10) to (20);
create table h (id int, s st); create table h1 () inherits (h);
create view v as select s, count(*) from q group by s;
create materialized view mv as select * from v; create unique index mvi on mv(s);
create policy pol on h using (s = 'a');
create index hi on h (s) where s <> 'a';
create function trg() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on h for each row when (new.s = 'a') execute function trg();
