-- The domain's constraint has another expression.
ALTER DOMAIN percent DROP CONSTRAINT percent_range;
ALTER DOMAIN percent ADD CONSTRAINT percent_range CHECK (VALUE >= 0);
