-- The two constraints have each other's expressions.
CREATE TABLE t (n integer, CONSTRAINT a CHECK (n < 9), CONSTRAINT b CHECK (n > 0));
