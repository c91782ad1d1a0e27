-- The temporal foreign key is missing.
ALTER TABLE stays DROP CONSTRAINT stays_room;
