-- The trigger is disabled in two partitions, one of them a partition's own.
ALTER TABLE events_eu DISABLE TRIGGER audit;
ALTER TABLE events_us_1 DISABLE TRIGGER audit;
