-- @source a variation of the kinds of public reports
-- @expect clean
-- @live
create table p (id int, at date, primary key (id, at)) partition by range (at);
create table p1 partition of p for values from ('2026-01-01') to ('2026-02-01');
create index pi on p (at);
comment on index p1_pkey is 'child'; alter table p1 cluster on p1_pkey;
