-- The platform as it was when it first went live: a password for everybody, keys that belong to an organization only.

CREATE TYPE membership_role AS ENUM ('owner', 'admin', 'member');
COMMENT ON TYPE membership_role IS 'What a user may do in an organization, from most to least.';

CREATE DOMAIN email_address AS text
    CONSTRAINT email_address_shape CHECK (VALUE ~ '^[^@[:space:]]+@[^@[:space:]]+$');
COMMENT ON DOMAIN email_address IS 'Shape only; that the address is the user''s own is proved by a mail.';

CREATE FUNCTION touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION touch_updated_at() IS 'BEFORE UPDATE trigger of every table that has updated_at.';

CREATE TABLE organizations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT organizations_slug_check CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$')
);
COMMENT ON TABLE organizations IS 'Customers. Soft delete: see deleted_at.';
COMMENT ON COLUMN organizations.slug IS 'Name in URLs; free again once the organization is deleted.';
COMMENT ON COLUMN organizations.deleted_at IS 'When the organization was taken out of use; NULL while it is in use.';
CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug) WHERE deleted_at IS NULL;
CREATE TRIGGER organizations_touch BEFORE UPDATE ON organizations
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE VIEW active_organizations AS
    SELECT id, slug, name, created_at
    FROM organizations
    WHERE deleted_at IS NULL;
COMMENT ON VIEW active_organizations IS 'Organizations in use; what the application lists.';

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email email_address NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz
);
COMMENT ON TABLE users IS 'People who can sign in.';
COMMENT ON COLUMN users.password_hash IS 'argon2id';
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
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

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organizations (id),
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
COMMENT ON TABLE api_keys IS 'Keys for programs.';
COMMENT ON COLUMN api_keys.key_digest IS 'SHA-256 of the key; the key itself is shown once and stored nowhere.';
CREATE INDEX api_keys_organization_id_idx ON api_keys (organization_id) WHERE revoked_at IS NULL;
