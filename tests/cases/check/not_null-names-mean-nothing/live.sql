-- No finding: since 18 a NOT NULL constraint has a name, and those of the table and of its partitions are others.
DROP TABLE plain, events;
CREATE TABLE plain (a int NOT NULL, b int CONSTRAINT other_b NOT NULL);
CREATE TABLE events (id bigint NOT NULL, region text CONSTRAINT other NOT NULL, at date) PARTITION BY LIST (region);
CREATE TABLE events_eu (id bigint CONSTRAINT own NOT NULL, region text CONSTRAINT another NOT NULL, at date);
ALTER TABLE events ATTACH PARTITION events_eu FOR VALUES IN ('eu');
CREATE TABLE events_us PARTITION OF events (at NOT NULL) FOR VALUES IN ('us');
