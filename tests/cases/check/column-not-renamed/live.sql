-- No rename: the other column is of another type and its name is unlike. One missing, one unexpected.
ALTER TABLE users DROP COLUMN username;
ALTER TABLE users ADD COLUMN born date;
