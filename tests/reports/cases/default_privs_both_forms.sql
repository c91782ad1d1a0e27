-- @source default privileges with FOR ROLE, without it, and with its keyword, in one project
-- @norev
-- @expect clean
-- @pre
do $$begin create role drift_owner superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
set role drift_owner;
alter default privileges for role drift_owner grant select on tables to drift_app;
alter default privileges revoke execute on functions from public;
alter default privileges for role current_user grant usage on sequences to drift_app;
create table t (id serial);
create function f() returns int language sql as 'select 1';
reset role;
-- @declared
alter default privileges for role drift_owner grant select on tables to drift_app;
alter default privileges revoke execute on functions from public;
alter default privileges for role current_user grant usage on sequences to drift_app;
create table t (id serial);
create function f() returns int language sql as 'select 1';
