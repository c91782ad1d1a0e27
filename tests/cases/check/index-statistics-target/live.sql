-- The statistics target of the index expression differs.
ALTER INDEX users_email_idx ALTER COLUMN 1 SET STATISTICS -1;
