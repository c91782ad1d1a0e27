-- Four findings: length, scale, precision, and an array that is none.
ALTER TABLE users ALTER COLUMN email TYPE varchar(100);
ALTER TABLE users ALTER COLUMN total TYPE numeric(12, 4);
ALTER TABLE users ALTER COLUMN at TYPE timestamptz;
ALTER TABLE users ALTER COLUMN tags TYPE text;
