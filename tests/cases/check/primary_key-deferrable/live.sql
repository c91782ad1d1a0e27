-- The primary key is checked at commit.
ALTER TABLE users DROP CONSTRAINT users_pkey;
ALTER TABLE users ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED;
