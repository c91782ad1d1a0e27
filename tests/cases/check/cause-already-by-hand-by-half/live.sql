-- One of the two indexes of V2 was made by hand: V2 can be neither recorded nor run.
CREATE INDEX a_v ON a (v);
