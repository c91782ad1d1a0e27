-- Keys for programs. Only a digest is stored; the prefix is what people recognise a key by.

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organizations (id),
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,
    key_digest bytea NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_key_digest_key UNIQUE (key_digest),
    CONSTRAINT api_keys_prefix_check CHECK (char_length(prefix) = 8),
    CONSTRAINT api_keys_expires_at_check CHECK (expires_at > created_at)
);
COMMENT ON TABLE api_keys IS 'Keys for programs; a key acts for the user that it belongs to.';
COMMENT ON COLUMN api_keys.user_id IS 'Whom the key acts for.';
COMMENT ON COLUMN api_keys.key_digest IS 'SHA-256 of the key; the key itself is shown once and stored nowhere.';

CREATE INDEX api_keys_organization_id_idx ON api_keys (organization_id) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);
