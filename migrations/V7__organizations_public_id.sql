-- An organization's name for programs, the same in every environment. Organizations are few: their index is made in a
-- moment, under the lock that the column needs. Without a default: no row is written.

ALTER TABLE organizations ADD COLUMN public_id uuid;
COMMENT ON COLUMN organizations.public_id IS 'Name for programs, the same in every environment; NULL until one is given.';
CREATE UNIQUE INDEX organizations_public_id_key ON organizations (public_id);
