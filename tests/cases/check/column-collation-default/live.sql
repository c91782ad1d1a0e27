-- The default collation is one of the column's own where its type has another.
ALTER TABLE users ALTER COLUMN label TYPE tag;
