-- One declared partition is missing: one finding.
DROP TABLE events_us;
