-- The rename, and beside it all that was changed in the column and dropped with it.
ALTER TABLE orders RENAME status TO state;
ALTER TABLE orders ALTER state DROP NOT NULL;
ALTER TABLE orders ALTER state DROP DEFAULT;
DROP TRIGGER stamp ON orders;
DROP INDEX orders_status;
