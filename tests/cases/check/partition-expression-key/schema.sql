CREATE TABLE events (id bigint, at timestamp) PARTITION BY RANGE (date_trunc('day', at), id);
