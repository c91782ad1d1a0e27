-- Storage parameters differ.
ALTER TABLE events SET (fillfactor = 90);
ALTER TABLE events RESET (autovacuum_vacuum_scale_factor);
