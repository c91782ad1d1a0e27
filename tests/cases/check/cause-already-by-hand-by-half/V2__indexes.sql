CREATE INDEX a_v ON a (v);
CREATE INDEX a_b ON a (b);
