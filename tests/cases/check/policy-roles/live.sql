-- The policy is for other roles.
ALTER POLICY own ON events TO public;
