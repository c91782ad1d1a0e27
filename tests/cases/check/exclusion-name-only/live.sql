-- One renamed warning.
ALTER TABLE bookings RENAME CONSTRAINT no_overlap TO bookings_excl;
