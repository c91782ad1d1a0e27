-- The policy is missing.
DROP POLICY own ON events;
