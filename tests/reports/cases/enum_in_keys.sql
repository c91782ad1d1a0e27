-- @source an enum that is to lose a label, in foreign keys, a partition key and a generated column
-- @expect diff
-- @live
create type st as enum ('a','b');
create table k (s st primary key);
create table f (s st references k);
create type pt as enum ('a','b');
create table p (s pt) partition by list (s);
create type gt as enum ('a','b');
create table g (x bool, s gt generated always as (case when x then 'a'::gt else 'b'::gt end) stored);
-- @declared
create type st as enum ('b');
create table k (s st primary key);
create table f (s st references k);
create type pt as enum ('b');
create table p (s pt) partition by list (s);
create type gt as enum ('b','a','d');
create table g (x bool, s gt generated always as (case when x then 'a'::gt else 'b'::gt end) stored);
