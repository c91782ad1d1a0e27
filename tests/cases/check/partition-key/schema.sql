CREATE TABLE events (id bigint, region text, at timestamptz) PARTITION BY LIST (region);
