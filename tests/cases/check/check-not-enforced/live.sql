-- The check is not enforced.
ALTER TABLE keys DROP CONSTRAINT n_positive;
ALTER TABLE keys ADD CONSTRAINT n_positive CHECK (n > 0) NOT ENFORCED;
