CREATE DOMAIN email AS text CONSTRAINT email_shape CHECK (VALUE LIKE '%@%');
