-- One finding: the sequence went, and the default with it. Both are made again.
DROP SEQUENCE log_id_seq CASCADE;
