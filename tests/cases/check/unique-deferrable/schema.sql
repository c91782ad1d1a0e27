CREATE TABLE items (id bigint PRIMARY KEY, rank integer, CONSTRAINT items_rank_key UNIQUE (rank) DEFERRABLE);
