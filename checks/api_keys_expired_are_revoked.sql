-- title: No key is active beyond its expiry
-- severity: warning
-- table: public.api_keys
-- key: id
-- show: organization_id, name, expires_at
-- find:
SELECT k.id, k.organization_id, k.name, k.expires_at
  FROM api_keys k
 WHERE k.revoked_at IS NULL AND k.expires_at < now();

-- fix: revoke_at_expiry   Revoked at the moment at which it expired
SELECT k.id, k.expires_at AS revoked_at
  FROM api_keys k
 WHERE k.revoked_at IS NULL AND k.expires_at < now();
