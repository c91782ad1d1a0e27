-- Alembic's history: said with its version, never a finding.
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);
INSERT INTO alembic_version VALUES ('8d2f1c0b7e55');
