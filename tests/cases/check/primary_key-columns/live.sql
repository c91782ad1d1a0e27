-- The order of the primary key's columns differs.
ALTER TABLE members DROP CONSTRAINT members_pkey;
ALTER TABLE members ADD PRIMARY KEY (usr, org);
