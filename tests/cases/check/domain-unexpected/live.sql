-- A domain that nobody declared.
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
