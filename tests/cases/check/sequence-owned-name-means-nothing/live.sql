-- No finding: the sequences of serial and identity columns compare without their names.
ALTER SEQUENCE users_id_seq RENAME TO people_id_seq;
ALTER SEQUENCE users_rank_seq RENAME TO people_rank_seq;
