-- One finding with four attributes; as severe as the worst of them.
ALTER TABLE users ALTER COLUMN email DROP DEFAULT;
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;
ALTER TABLE users ALTER COLUMN email TYPE text;
COMMENT ON COLUMN users.email IS NULL;
