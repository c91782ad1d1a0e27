-- The range is over another type.
CREATE TYPE span AS RANGE (subtype = float4);
