-- The domain sorts by the database's collation instead of by bytes.
CREATE DOMAIN code AS text;
