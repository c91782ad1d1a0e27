CREATE TABLE events (id bigint, at date, note text DEFAULT '', PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX events_at_idx ON events (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
