-- A composite type that nobody declared; the row type of users is none.
CREATE TYPE address AS (street text, city text);
