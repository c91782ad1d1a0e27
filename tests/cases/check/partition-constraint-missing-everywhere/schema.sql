CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE events (
    id bigint, team_id bigint REFERENCES teams, region text, n integer CONSTRAINT n_positive CHECK (n > 0),
    PRIMARY KEY (id, region)
) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
CREATE TABLE events_us PARTITION OF events FOR VALUES IN ('us');
