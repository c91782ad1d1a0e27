-- The model says that it is disabled in one partition, and it fires there.
ALTER TABLE events_eu ENABLE TRIGGER audit;
