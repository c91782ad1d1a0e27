-- Exit 1: it is drift.
ALTER TABLE users DROP COLUMN username;
