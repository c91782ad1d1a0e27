-- A partition with its own partitions is missing: one finding.
DROP TABLE events_eu;
