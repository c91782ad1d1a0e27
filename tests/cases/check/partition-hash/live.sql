-- The last partition was made anew with another modulus.
DROP TABLE events_1;
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 4, REMAINDER 1);
