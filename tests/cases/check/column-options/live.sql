-- The column's options differ.
ALTER TABLE files ALTER COLUMN kind SET (n_distinct = -0.5);
