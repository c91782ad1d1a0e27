CREATE TABLE bookings (id bigint PRIMARY KEY, during tstzrange, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&));
COMMENT ON CONSTRAINT no_overlap ON bookings IS 'One guest at a time.';
