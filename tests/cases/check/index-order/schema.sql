CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz);
CREATE INDEX events_at_idx ON events (at DESC NULLS LAST);
