-- Fails while there are users of an identity provider: what becomes of them is no question of the schema.
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
COMMENT ON COLUMN users.password_hash IS 'argon2id';
