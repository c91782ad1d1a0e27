-- Row level security is on, without a policy: nobody but the owner sees a row.
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
