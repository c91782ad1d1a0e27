CREATE TYPE span AS RANGE (subtype = float8);
COMMENT ON TYPE span IS 'From and to.';
