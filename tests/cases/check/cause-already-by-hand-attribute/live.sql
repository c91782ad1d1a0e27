-- Already so by hand: V2 is pending and would change nothing.
ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
