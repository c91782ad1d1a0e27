-- The domain is over another type.
CREATE DOMAIN code AS varchar(4);
