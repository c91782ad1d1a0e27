-- @source default privileges without FOR ROLE are of whoever applies migrations
-- @norev
-- @expect clean
-- @pre
do $$begin create role drift_owner superuser; exception when duplicate_object then null; end$$;
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
set role drift_owner;
alter default privileges in schema public grant select, insert on tables to drift_app;
create table cfg (id serial primary key);
reset role;
-- @declared
alter default privileges in schema public grant select, insert on tables to drift_app;
create table cfg (id serial primary key);
