-- V2 renames the column; its default and its index were dropped by hand.
ALTER TABLE orders ALTER status DROP DEFAULT;
DROP INDEX orders_status;
