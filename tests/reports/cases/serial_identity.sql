-- @source https://github.com/stripe/pg-schema-diff/issues/182
-- @expect diff
-- @live
create table gadget(id bigserial primary key, n text);
-- @data
insert into gadget(n) select 'x' from generate_series(1,5);
-- @rdata
insert into gadget(n) select 'x' from generate_series(1,5);
-- @verify
select count(*), max(id) from gadget;
-- @declared
create table gadget(id bigint generated always as identity primary key, n text);
