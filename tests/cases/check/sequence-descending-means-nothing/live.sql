-- No finding: these are the bounds and the start that a descending sequence has by default.
CREATE SEQUENCE countdown INCREMENT BY -1 MINVALUE -9223372036854775808 MAXVALUE -1 START WITH -1;
