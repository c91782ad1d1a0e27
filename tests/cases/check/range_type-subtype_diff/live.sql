-- The difference function is missing.
CREATE TYPE span AS RANGE (subtype = float8);
