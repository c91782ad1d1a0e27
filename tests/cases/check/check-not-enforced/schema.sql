CREATE TABLE keys (id bigint PRIMARY KEY, n integer CONSTRAINT n_positive CHECK (n > 0));
