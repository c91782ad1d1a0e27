-- The domain has lost its constraint.
ALTER DOMAIN email DROP CONSTRAINT email_shape;
