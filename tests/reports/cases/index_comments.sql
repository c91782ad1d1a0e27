-- @source comments on the indexes of keys
-- @expect diff
-- @live
create table ci (id int primary key, n int unique, r int4range, exclude using gist (r with &&));
comment on index ci_pkey is 'x'; comment on constraint ci_n_key on ci is 'of the constraint';
-- @declared
create table ci (id int primary key, n int unique, r int4range, exclude using gist (r with &&));
comment on index ci_pkey is 'y'; comment on index ci_n_key is 'of the index'; comment on index ci_r_excl is 'z';
comment on constraint ci_n_key on ci is 'of the constraint';
