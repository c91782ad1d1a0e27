-- Initial value, combining function and parallel safety differ: one finding.
CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '1');
