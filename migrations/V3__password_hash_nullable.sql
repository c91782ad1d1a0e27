-- Users of an identity provider have no password here.

ALTER TABLE users ALTER COLUMN password_hash DROP NOT NULL;
COMMENT ON COLUMN users.password_hash IS 'argon2id; NULL for users of an identity provider.';
