-- The partition beyond the model has an index that its parent does not have.
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
CREATE INDEX events_eu_id_idx ON events_eu (id);
