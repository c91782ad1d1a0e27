-- The comment is missing.
COMMENT ON CONSTRAINT no_overlap ON bookings IS NULL;
