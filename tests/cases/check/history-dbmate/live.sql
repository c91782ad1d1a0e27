-- dbmate's history: said with its version, never a finding.
CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
INSERT INTO schema_migrations VALUES ('20240131120000'), ('20240205120000');
