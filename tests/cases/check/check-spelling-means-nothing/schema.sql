CREATE TABLE keys (id bigint PRIMARY KEY, state text CONSTRAINT a CHECK (state IN ('on', 'off')), n integer CONSTRAINT b CHECK (n BETWEEN 1 AND 5));
