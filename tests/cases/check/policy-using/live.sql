-- Both expressions differ: one finding.
ALTER POLICY own ON events USING (true) WITH CHECK (true);
