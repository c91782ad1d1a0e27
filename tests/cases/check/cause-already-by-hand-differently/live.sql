-- The column was added by hand, of another type: drift, and V2 is pending and would meet it.
ALTER TABLE users ADD COLUMN username varchar(32);
