-- One finding for the parent; the partitions' columns went with it.
ALTER TABLE events DROP COLUMN note;
