-- People. Who signs in through an identity provider has no password here.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email email_address NOT NULL,
    username text,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    CONSTRAINT users_username_check CHECK (username ~ '^[a-z0-9_]{2,32}$')
);
COMMENT ON TABLE users IS 'People who can sign in.';
COMMENT ON COLUMN users.username IS 'Public handle; NULL until the user has chosen one.';
COMMENT ON COLUMN users.password_hash IS 'argon2id; NULL for users of an identity provider.';

CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE UNIQUE INDEX users_username_key ON users (username);

CREATE TRIGGER users_touch BEFORE UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE memberships (
    organization_id bigint NOT NULL REFERENCES organizations (id),
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role membership_role NOT NULL DEFAULT 'member',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);
COMMENT ON TABLE memberships IS 'Which users belong to which organizations, and as what.';

CREATE INDEX memberships_user_id_idx ON memberships (user_id);
