-- @source the default privileges of the role that applies migrations, which has another name than the scratch server's
-- @norev
-- @expect clean
-- @pre
do $$begin create role drift_owner superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
set role drift_owner;
alter default privileges for role drift_owner revoke execute on functions from public;
alter default privileges for role drift_owner grant select on tables to drift_app;
create function secret() returns int language sql security definer as 'select 1';
create table t (id int);
reset role;
-- @declared
alter default privileges for role drift_owner revoke execute on functions from public;
alter default privileges for role drift_owner grant select on tables to drift_app;
create function secret() returns int language sql security definer as 'select 1';
create table t (id int);
