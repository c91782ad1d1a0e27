-- @source default privileges of two roles, and a table of each
-- @norev
-- @expect clean
-- @pre
do $$begin create role drift_owner superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_second superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
set role drift_owner;
alter default privileges for role drift_owner grant select on tables to drift_app;
alter default privileges for role drift_second grant select, insert on tables to drift_app with grant option;
create table t (id int);
set role drift_second;
create table u (id int);
reset role;
-- @declared
alter default privileges for role drift_owner grant select on tables to drift_app;
alter default privileges for role drift_second grant select, insert on tables to drift_app with grant option;
create table t (id int);
create table u (id int);
