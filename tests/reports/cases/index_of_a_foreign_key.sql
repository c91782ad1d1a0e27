-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create table a (id int not null, n int not null, m int);
create unique index a_id on a (id);
create table b (a int references a (id));
alter table a replica identity using index a_id;
create index "A b" on a (n) include (m) with (fillfactor=70);
create index part on a (n) where n > 1;
-- @declared
create table a (id int not null, n int not null, m int);
create unique index a_id on a (id) include (m);
create table b (a int references a (id));
alter table a replica identity using index a_id;
create index "A b" on a (n, m) with (fillfactor=70);
create index part on a (n) where n > 2;
