-- title: A deleted organization has no users
-- severity: warning
-- table: public.memberships
-- key: organization_id, user_id
-- show: role
-- find:
SELECT m.organization_id, m.user_id, m.role
  FROM memberships m
  JOIN organizations o ON o.id = m.organization_id
 WHERE o.deleted_at IS NOT NULL;

-- fix: end_membership   They are members no longer
-- action: delete
-- at-most: 10_000
SELECT m.organization_id, m.user_id
  FROM memberships m
  JOIN organizations o ON o.id = m.organization_id
 WHERE o.deleted_at IS NOT NULL;
