-- Both views are missing: the second is no part of the first.
DROP VIEW a CASCADE;
