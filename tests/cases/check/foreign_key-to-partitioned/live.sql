-- No finding: a partition beyond the model brings its own copy of the foreign key.
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (1000) TO (2000);
