-- @source a serial of integers becomes an identity of bigint that begins beyond integers
-- @norev
-- @expect diff
-- @live
create table gadget(id serial primary key, n text);
-- @data
insert into gadget(n) select 'x' from generate_series(1,5);
-- @verify
select count(*), max(id) from gadget;
-- @declared
create table gadget(id bigint generated always as identity (start 3000000000) primary key, n text);
