-- title: No session is kept a week after its end
-- severity: warning
-- table: public.sessions
-- key: token_digest
-- show: user_id, expires_at
-- find:
SELECT s.token_digest, s.user_id, s.expires_at
  FROM sessions s
 WHERE s.expires_at < now() - interval '7 days';

-- fix: expired   The session is removed
-- action: delete
-- at-most: 1_000_000
SELECT s.token_digest
  FROM sessions s
 WHERE s.expires_at < now() - interval '7 days';
