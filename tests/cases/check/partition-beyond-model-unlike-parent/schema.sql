CREATE TABLE events (id bigint, at date, note text DEFAULT '') PARTITION BY RANGE (at);
