-- The table is partitioned by something else.
CREATE TABLE events (id bigint, region text, at timestamptz) PARTITION BY RANGE (at);
