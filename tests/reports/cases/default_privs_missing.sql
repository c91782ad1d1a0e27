-- @source default privileges that nobody has: the SQL names no role of a scratch server
-- @norev
-- @expect diff
-- @pre
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
create table cfg (id int primary key);
-- @declared
alter default privileges in schema public grant select, insert on tables to drift_app;
alter default privileges in schema public grant usage on sequences to drift_app with grant option;
create table cfg (id int primary key);
