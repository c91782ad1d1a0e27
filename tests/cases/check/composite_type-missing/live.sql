-- The composite type is missing.
DROP TYPE address;
