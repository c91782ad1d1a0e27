-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create table p (id int, n int) partition by range (id);
create table p1 partition of p for values from (0) to (9);
create table r (id int primary key);
create table t (id int, n int);
create table h (id int); create table h1 (k int) inherits (h);
-- @data
insert into t values (1, 5); insert into r values (5);
-- @declared
create table r (id int primary key);
create table p (id int, n int check (n > 0), foreign key (n) references r) partition by range (id);
create table p1 partition of p for values from (0) to (9);
create table t (id int, n int references r check (n > 0) , exclude (n with =), unique (n));
create table h (id int check (id > 0) ); create table h1 (k int) inherits (h);
