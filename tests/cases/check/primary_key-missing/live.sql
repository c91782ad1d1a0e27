-- The primary key is missing; that the column stays NOT NULL is right.
ALTER TABLE users DROP CONSTRAINT users_pkey;
