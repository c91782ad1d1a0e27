CREATE TABLE events (id bigint, region text) PARTITION BY LIST (region);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
