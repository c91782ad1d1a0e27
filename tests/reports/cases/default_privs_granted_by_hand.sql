-- @source a table has more than the default privileges give
-- @norev
-- @expect diff
-- @pre
do $$begin create role drift_owner superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
set role drift_owner;
alter default privileges for role drift_owner grant select on tables to drift_app;
create table t (id int);
grant delete on t to drift_app;
reset role;
-- @declared
alter default privileges for role drift_owner grant select on tables to drift_app;
create table t (id int);
