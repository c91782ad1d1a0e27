-- One finding for the parent's column: the partitions' differ in the same way.
ALTER TABLE events ALTER COLUMN n DROP NOT NULL;
ALTER TABLE events ALTER COLUMN n TYPE bigint;
