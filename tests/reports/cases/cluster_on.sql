-- @source the index that CLUSTER orders rows by is a setting of the table
-- @expect diff
-- @live
create table c (id int primary key, at date); create index c_at on c (at);
create materialized view m as select 1 as n; create unique index m_n on m (n);
alter table c cluster on c_at;
-- @declared
create table c (id int primary key, at date); create index c_at on c (at);
create materialized view m as select 1 as n; create unique index m_n on m (n);
alter table c cluster on c_pkey; alter materialized view m cluster on m_n;
