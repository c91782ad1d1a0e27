-- @source a variation of the kinds of public reports
-- @expect diff
-- @pre
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
create table t (id int primary key, a int, b text);
create view v as select id, a, b from t;
create view w as select id, b from v; grant select on w to drift_app; comment on column w.b is 'bb';
create rule wr as on update to w do instead nothing;
create materialized view m as select id from w; create index mi on m (id);
create function f() returns setof v language sql as 'select * from v';
-- @declared
create table t (id int primary key, a int, b text);
create view v as select id, b from t;
create view w as select id, b from v; grant select on w to drift_app; comment on column w.b is 'bb';
create rule wr as on update to w do instead nothing;
create materialized view m as select id from w; create index mi on m (id);
create function f() returns setof v language sql as 'select * from v';
