-- Already dropped by hand: V2 is pending and would fail.
ALTER TABLE users DROP COLUMN legacy;
