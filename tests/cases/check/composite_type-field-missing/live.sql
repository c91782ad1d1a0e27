-- A field is missing.
ALTER TYPE address DROP ATTRIBUTE city;
