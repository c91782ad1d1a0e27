-- The constraint cannot be deferred: swapping two ranks fails.
ALTER TABLE items DROP CONSTRAINT items_rank_key;
ALTER TABLE items ADD CONSTRAINT items_rank_key UNIQUE (rank);
