-- The multirange type has another name.
CREATE TYPE span AS RANGE (subtype = float8);
