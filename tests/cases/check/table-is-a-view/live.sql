-- The name belongs to a view in the database.
CREATE TABLE people (id bigint PRIMARY KEY);
CREATE VIEW users AS SELECT id FROM people;
