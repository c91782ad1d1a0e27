-- Row level security does not hold for the owner.
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
