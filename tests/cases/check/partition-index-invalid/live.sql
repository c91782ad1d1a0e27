-- The parent's index is invalid, because a partition has none.
CREATE TABLE events (id bigint, region text) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
CREATE INDEX events_id_idx ON ONLY events (id);
