-- Keys from before revision c60a52e8f914 have no user, and the application does not list them.
-- title: Every API key belongs to a user
-- severity: error
-- table: public.api_keys
-- key: id
-- show: organization_id, name, revoked_at
-- find:
SELECT k.id, k.organization_id, k.name, k.revoked_at
  FROM api_keys k
 WHERE k.user_id IS NULL;

-- fix: organization_owner   The organization has one owner: the key acts for them
-- at-most: 10_000
SELECT k.id, m.user_id
  FROM api_keys k
  JOIN memberships m ON m.organization_id = k.organization_id AND m.role = 'owner'
 WHERE k.user_id IS NULL;

-- fix: only_member   Nobody owns the organization, and one person is in it: the key acts for them
-- at-most: 10_000
SELECT k.id, m.user_id
  FROM api_keys k
  JOIN memberships m ON m.organization_id = k.organization_id
 WHERE k.user_id IS NULL;

-- fix: nobody_uses_it   The key is revoked: it is removed
-- action: delete
-- at-most: 1_000
SELECT k.id
  FROM api_keys k
 WHERE k.user_id IS NULL AND k.revoked_at IS NOT NULL;
