-- A range type that nobody declared.
CREATE TYPE floatrange AS RANGE (subtype = float8);
