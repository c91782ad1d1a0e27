-- No finding: a dropped column leaves a hole in the numbers.
ALTER TABLE users ADD COLUMN x text;
ALTER TABLE users DROP COLUMN x;
