-- A table that is only called like dbmate's is the model's own: its missing column is a finding.
ALTER TABLE schema_migrations DROP COLUMN note;
