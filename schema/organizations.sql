-- Organizations are never deleted: billing and audit refer to them. `deleted_at` takes them out of use.

CREATE TABLE organizations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    public_id uuid,
    CONSTRAINT organizations_slug_check CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,62}$')
);
COMMENT ON TABLE organizations IS 'Customers. Soft delete: see deleted_at.';
COMMENT ON COLUMN organizations.slug IS 'Name in URLs; free again once the organization is deleted.';
COMMENT ON COLUMN organizations.deleted_at IS 'When the organization was taken out of use; NULL while it is in use.';
COMMENT ON COLUMN organizations.public_id IS 'Name for programs, the same in every environment; NULL until one is given.';

CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX organizations_public_id_key ON organizations (public_id);

CREATE TRIGGER organizations_touch BEFORE UPDATE ON organizations
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE VIEW active_organizations AS
    SELECT id, slug, name, created_at
    FROM organizations
    WHERE deleted_at IS NULL;
COMMENT ON VIEW active_organizations IS 'Organizations in use; what the application lists.';
