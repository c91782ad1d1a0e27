-- Flyway's history: its table is never a finding; a step that failed is one, and is not the version.
CREATE TABLE flyway_schema_history (
    installed_rank integer NOT NULL CONSTRAINT flyway_schema_history_pk PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
    type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL,
    installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success);
INSERT INTO flyway_schema_history VALUES
    (1, '1', 'baseline', 'SQL', 'V1__baseline.sql', 1, 'app', '2024-01-01', 10, true),
    (2, '1.10', 'teams', 'SQL', 'V1.10__teams.sql', 2, 'app', '2024-02-01', 10, true),
    (3, '2', 'keys', 'SQL', 'V2__keys.sql', 3, 'app', '2024-03-01', 10, false);
