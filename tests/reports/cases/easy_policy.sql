-- @source what ALTER POLICY does not change, and what stands on a function with another result
-- @expect diff
-- @pre
do $$begin create role drift_app; exception when duplicate_object then null; end$$;
-- @live
create table t (id int primary key, owner text); alter table t enable row level security;
create policy p on t for select to drift_app using (owner = current_user);
create policy q on t as restrictive using (true) with check (owner <> '');
create function f(n int) returns int language sql immutable as 'select n';
create view v as select f(id) as n from t; grant select on v to drift_app; comment on view v is 'of f';
create function g() returns trigger language plpgsql as 'begin return new; end';
create statistics s (ndistinct) on id, owner from t;
-- @declared
create table t (id int primary key, owner text); alter table t enable row level security;
create policy p on t for update to drift_app using (owner = current_user);
create policy q on t as permissive using (true);
create function f(n int) returns bigint language sql immutable as 'select n::bigint';
create view v as select f(id) as n from t; grant select on v to drift_app; comment on view v is 'of f';
create function g() returns trigger language plpgsql as 'begin return new; end';
create statistics s (mcv) on id, owner from t;
