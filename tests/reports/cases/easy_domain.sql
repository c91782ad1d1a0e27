-- @source several checks of a domain
-- @expect diff
-- @live
create domain d as text check (value <> '') constraint short check (length(value) < 10) constraint old check (value <> 'old');
create table t (id int primary key, d d);
-- @declared
create domain d as text not null default 'x' constraint short check (length(value) < 20) constraint more check (value <> 'more');
create table t (id int primary key, d d);
