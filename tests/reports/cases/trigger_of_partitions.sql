-- @source a trigger of a partitioned table with another definition, off on one partition
-- @expect diff
-- @live
create function f() returns trigger language plpgsql as 'begin return new; end';
create table p (id int, k int) partition by range (id);
create table p1 partition of p for values from (0) to (10);
create table p2 partition of p for values from (10) to (20) partition by range (k);
create table p21 partition of p2 for values from (0) to (9);
create table p22 partition of p2 for values from (9) to (99);
create constraint trigger t after insert on p for each row execute function f();
create trigger u before insert on p for each row execute function f();
alter table p1 disable trigger t; alter table p22 disable trigger u; alter table p22 enable always trigger t;
-- @declared
create function f() returns trigger language plpgsql as 'begin return new; end';
create table p (id int, k int) partition by range (id);
create table p1 partition of p for values from (0) to (10);
create table p2 partition of p for values from (10) to (20) partition by range (k);
create table p21 partition of p2 for values from (0) to (9);
create table p22 partition of p2 for values from (9) to (99);
create constraint trigger t after insert on p deferrable for each row execute function f();
create trigger u before insert or update on p for each row execute function f();
alter table p1 disable trigger t; alter table p22 disable trigger u; alter table p21 disable trigger t;
