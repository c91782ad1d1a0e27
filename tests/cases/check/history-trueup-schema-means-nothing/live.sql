-- No finding: the schema trueup and the history table are trueup's own.
CREATE SCHEMA trueup;
CREATE TABLE trueup.runs (id text PRIMARY KEY);
CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255));
