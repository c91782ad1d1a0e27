-- The domain is missing.
DROP DOMAIN email;
