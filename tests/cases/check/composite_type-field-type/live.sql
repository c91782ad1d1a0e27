-- A field has another type.
ALTER TYPE address ALTER ATTRIBUTE zip TYPE integer;
