-- The key lets periods overlap.
ALTER TABLE rooms DROP CONSTRAINT rooms_pkey;
ALTER TABLE rooms ADD PRIMARY KEY (id, during);
