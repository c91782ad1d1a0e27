-- The expression of the partition key differs.
CREATE TABLE events (id bigint, at timestamp) PARTITION BY RANGE (date_trunc('month', at), id);
