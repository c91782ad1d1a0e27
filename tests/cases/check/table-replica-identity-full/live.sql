-- The replica identity is FULL instead of the primary key.
ALTER TABLE events REPLICA IDENTITY FULL;
