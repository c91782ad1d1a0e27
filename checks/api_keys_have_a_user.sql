-- Keys that belong to nobody: made before V4 gave them a user. V8 makes the user required.
-- title: Every API key acts for a user
-- severity: error
-- table: public.api_keys
-- key: id
-- show: organization_id, name, created_at, revoked_at
-- find:
SELECT k.id, k.organization_id, k.name, k.created_at, k.revoked_at
  FROM api_keys k
 WHERE k.user_id IS NULL;

-- fix: organization_owner   The organization has one owner: the key acts for them
-- at-most: 2_000_000
SELECT k.id, m.user_id
  FROM api_keys k
  JOIN memberships m ON m.organization_id = k.organization_id AND m.role = 'owner'
 WHERE k.user_id IS NULL;

-- fix: only_member   Nobody owns the organization, and one person is in it: the key acts for them
-- at-most: 100_000
SELECT k.id, m.user_id
  FROM api_keys k
  JOIN memberships m ON m.organization_id = k.organization_id
 WHERE k.user_id IS NULL;

-- fix: nobody_uses_it   Revoked, expired, or of a deleted organization: the key is removed
-- action: delete
-- at-most: 10_000
SELECT k.id
  FROM api_keys k
  JOIN organizations o ON o.id = k.organization_id
 WHERE k.user_id IS NULL
   AND (k.revoked_at IS NOT NULL OR k.expires_at < now() OR o.deleted_at IS NOT NULL);
