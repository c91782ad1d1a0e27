-- Whom they belong to nobody but a person can say: there is no fix.
-- title: Every user belongs to an organization
-- severity: warning
-- table: public.users
-- key: id
-- show: email, created_at
-- find:
SELECT u.id, u.email, u.created_at
  FROM users u
 WHERE NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id);
