-- The policy is permissive.
DROP POLICY own ON events;
CREATE POLICY own ON events USING (tenant = 'a');
