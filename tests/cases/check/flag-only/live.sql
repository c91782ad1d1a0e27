-- Only the column of teams is told.
ALTER TABLE users DROP COLUMN email;
ALTER TABLE teams DROP COLUMN name;
