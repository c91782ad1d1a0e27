-- The serial's sequence counts in bigint, the column is an integer: the sequence differs.
ALTER SEQUENCE users_id_seq AS bigint;
