-- The default differs.
ALTER TABLE users ALTER COLUMN active SET DEFAULT false;
