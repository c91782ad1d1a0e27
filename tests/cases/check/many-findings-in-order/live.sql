-- Several findings: errors before warnings, each object once.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TYPE mood ADD VALUE 'bad';
DROP INDEX teams_name_idx;
COMMENT ON VIEW people IS 'x';
CREATE TABLE extra (id bigint);
DROP TABLE teams;
