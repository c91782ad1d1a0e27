-- The partition's bounds differ.
ALTER TABLE events DETACH PARTITION events_2024;
ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
