-- The replica identity is another one.
ALTER TABLE events REPLICA IDENTITY DEFAULT;
