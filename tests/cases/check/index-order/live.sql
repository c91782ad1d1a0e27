-- Direction and place of NULLs differ.
DROP INDEX events_at_idx;
CREATE INDEX events_at_idx ON events (at);
