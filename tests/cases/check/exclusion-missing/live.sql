-- The exclusion constraint is missing.
ALTER TABLE bookings DROP CONSTRAINT no_overlap;
