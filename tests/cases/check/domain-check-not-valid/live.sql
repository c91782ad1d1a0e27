-- The domain's constraint is NOT VALID.
ALTER DOMAIN percent DROP CONSTRAINT percent_range;
ALTER DOMAIN percent ADD CONSTRAINT percent_range CHECK (VALUE BETWEEN 0 AND 100) NOT VALID;
