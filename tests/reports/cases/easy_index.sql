-- @source an index with another definition is built beside the one that is there
-- @expect diff
-- @live
create table t (id int primary key, a int, b text);
create index t_a on t (a);
create unique index t_b on t (b) where a > 1;
create index "T odd" on t (a desc); comment on index "T odd" is 'kept';
create table p (a int, b int) partition by range (a); create table p1 partition of p for values from (0) to (9);
create index p_a on p (a);
-- @data
insert into t select n, n, 'b' || n from generate_series(1, 20) as n;
-- @rdata
insert into t select n, n, 'b' || n from generate_series(1, 20) as n;
-- @declared
create table t (id int primary key, a int, b text);
create index t_a on t (a, b);
create unique index t_b on t (lower(b));
create index "T odd" on t using hash (a); comment on index "T odd" is 'kept';
create table p (a int, b int) partition by range (a); create table p1 partition of p for values from (0) to (9);
create index p_a on p (a, b);
create index p_b on p (b); create index t_ab on t (a, b);
