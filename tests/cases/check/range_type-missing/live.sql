-- The range type is missing; its multirange is not a finding of its own.
DROP TYPE floatrange;
