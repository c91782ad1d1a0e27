-- The table is no longer bound to the type.
ALTER TABLE points NOT OF;
