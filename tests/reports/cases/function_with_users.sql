-- @source a variation of the kinds of public reports
-- @expect diff
-- @live
create function f(n int) returns int language sql immutable as 'select n';
create function g(n int) returns int language sql immutable as 'select n';
create function k(n int) returns int language sql immutable as 'select n';
create function k(n text) returns text language sql immutable as 'select n';
create table t (id int primary key, n int default k(1), c int check (f(c) > 0));
create index ti on t (g(n));
create policy p on t using (k(id) > 0);
-- @declared
create function f(n int) returns bigint language sql immutable as 'select n::bigint';
create function g(n int) returns bigint language sql immutable as 'select n::bigint';
create function k(n int) returns bigint language sql immutable as 'select n::bigint';
create function k(n text) returns text language sql immutable as 'select n';
create table t (id int primary key, n int default k(1), c int check (f(c) > 0));
create index ti on t (g(n));
create policy p on t using (k(id) > 0);
