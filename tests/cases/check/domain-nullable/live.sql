-- The domain accepts NULL.
ALTER DOMAIN email DROP NOT NULL;
