CREATE TABLE events (id bigint, region text) PARTITION BY LIST (region);
