-- The index and the comment go with the column.
ALTER TABLE organizations DROP COLUMN public_id;
