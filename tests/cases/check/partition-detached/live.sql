-- The partition was detached: rows of its year have no place.
ALTER TABLE events DETACH PARTITION events_2024;
