-- @source labels that go, come, and change their place
-- @expect diff
-- @live
create type st as enum ('new', 'paid', 'void');
create type lab as enum ('a', 'd');
create table o (id int primary key, s st not null default 'new', many st[]);
create view paid as select id, s from o where s = 'paid';
create index o_s on o (id) where s = 'new'::st;
-- @data
insert into o values (1, 'new', '{new,paid}'), (2, 'paid', null);
-- @rdata
insert into o values (1, 'new', '{new,paid}'), (2, 'paid', null);
-- @verify
select id, s::text, many::text from o order by id;
-- @declared
create type st as enum ('paid', 'new', 'sent');
create type lab as enum ('_', 'a', 'b', 'c', 'd', 'e', 'f');
create table o (id int primary key, s st not null default 'new', many st[]);
create view paid as select id, s from o where s = 'paid';
create index o_s on o (id) where s = 'new'::st;
