-- Already so by hand: V2 is pending and would meet the column.
ALTER TABLE users ADD COLUMN username text;
