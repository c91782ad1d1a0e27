-- The body in SQL-standard form differs; the other function, written otherwise, is the same.
CREATE OR REPLACE FUNCTION add(a integer, b integer) RETURNS integer LANGUAGE sql RETURN a - b;
CREATE OR REPLACE FUNCTION twice(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT (a) * (2); END;
