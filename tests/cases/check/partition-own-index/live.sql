-- An index on one declared partition that nobody declared.
CREATE INDEX events_eu_id_idx ON events_eu (id);
