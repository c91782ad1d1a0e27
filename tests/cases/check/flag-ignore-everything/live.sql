-- Clean: the only difference is ignored, and that something is ignored is said.
ALTER TABLE users DROP COLUMN email;
