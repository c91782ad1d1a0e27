-- The aggregate is missing.
DROP AGGREGATE total(integer);
