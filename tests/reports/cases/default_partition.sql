-- @source a DEFAULT partition, and one that is partitioned itself, are not among the partitions that come and go
-- @expect diff
-- @norev
-- @live
create table e (at date, n int) partition by range (at);
create table e_1 partition of e for values from ('2026-01-01') to ('2026-02-01');
create table e_2 partition of e for values from ('2026-02-01') to ('2026-03-01') partition by list (n);
create table e_2_1 partition of e_2 for values in (1);
create table e_rest partition of e default;
-- @declared
create table e (at date, n int) partition by range (at);
create table e_1 partition of e for values from ('2026-01-01') to ('2026-02-01');
