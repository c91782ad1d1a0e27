-- No finding: the domain over an array is there, on both sides.
INSERT INTO users VALUES (1, ARRAY['a']);
