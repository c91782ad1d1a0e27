CREATE TABLE events (id bigint, n integer CONSTRAINT n_positive CHECK (n > 0));
