-- No rename can be told: two columns are equally like the missing one.
ALTER TABLE users DROP COLUMN username;
ALTER TABLE users ADD COLUMN login text, ADD COLUMN nick text;
