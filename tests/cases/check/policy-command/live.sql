-- The policy is for another command.
DROP POLICY own ON events;
CREATE POLICY own ON events FOR DELETE USING (tenant = 'a');
