-- An extension that nobody declared: one finding, none for its functions and operators.
CREATE EXTENSION pg_trgm;
