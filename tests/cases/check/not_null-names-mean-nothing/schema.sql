CREATE TABLE plain (a int CONSTRAINT chosen_a NOT NULL, b int NOT NULL);
CREATE TABLE events (id bigint CONSTRAINT chosen NOT NULL, region text NOT NULL, at date) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
CREATE TABLE events_us (id bigint CONSTRAINT own NOT NULL, region text NOT NULL, at date CONSTRAINT own_at NOT NULL);
ALTER TABLE events ATTACH PARTITION events_us FOR VALUES IN ('us');
