-- A policy that nobody declared: it lets everybody in.
CREATE POLICY support ON events USING (true);
