-- One finding: the parent's trigger is disabled, and with it those of all partitions.
ALTER TABLE events DISABLE TRIGGER audit;
