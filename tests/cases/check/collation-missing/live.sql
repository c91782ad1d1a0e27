-- The collation is missing.
DROP COLLATION bytewise;
