-- The check does not hold for children.
ALTER TABLE events DROP CONSTRAINT n_positive;
ALTER TABLE events ADD CONSTRAINT n_positive CHECK (n > 0) NO INHERIT;
